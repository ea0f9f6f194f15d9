import type { Socket } from 'node:net'
import type { ChunkSink, Content } from '../async/content.ts'
import { WireError } from './network-error.ts'
import { openSocket, readBeforeClosing, readBuffer, type SocketRoute } from './open-socket.ts'
import { ResponseParser, type ResponseHead } from './response-parser.ts'

/** What the connection waits for, and so which silence is the server's fault. */
type Waiting = 'nothing' | 'head' | 'body' | 'write' | 'answer'

/** Thrown into an upload whose answer came before its end. */
class AnsweredEarly extends Error {}

function connectionClosed(): Error {
  return Object.assign(new Error('closed'), { code: 'ECONNRESET' })
}

/** One HTTP/1.1 connection, one request at a time: bodies pass through one reused buffer, so that memory does not grow with their size. */
export class Connection {
  /** True once it can carry no further request. */
  closed = false
  /** Bytes of bodies moved either way, for the watchdog. */
  moved = 0
  /** Bytes of the upload that is under way. */
  uploaded = 0
  waiting: Waiting = 'nothing'
  /** True once any byte of the answer has come. */
  heard = false

  /** Why the reader took no more, which counts even where the whole answer is here already. */
  refusal: { readonly error: unknown } | undefined

  /** The IP address of the other end. */
  readonly remoteAddress: string | undefined
  readonly #socket: Socket
  readonly #parser: ResponseParser
  readonly #unread: Buffer[] = []
  #head: ResponseHead | undefined
  #complete = false
  /** Bytes that the reader has and is not done with. */
  #delivering: Buffer | undefined
  #sink: ChunkSink | undefined
  #failure: unknown
  #inRequest = false
  /** Bytes of the upload that have not been handed to the socket. */
  #unsent = 0
  /** A write that waits for the server to read. */
  #pendingWrite: { readonly resolve: () => void; readonly reject: (reason: unknown) => void } | undefined
  #settle: (() => void) | undefined

  /** Opens a connection; rejects with the socket's own error. */
  static async open(route: SocketRoute, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<Connection> {
    let connection: Connection | undefined
    const isEncrypted = (route.proxy?.url ?? route.origin).protocol === 'https:'
    const buffer = readBuffer(isEncrypted, (memory) => connection?.holds(memory) === true)
    const callback = (count: number, bytes: Uint8Array): boolean =>
      connection?.onBytes(Buffer.from(bytes.buffer, bytes.byteOffset, count)) ?? true
    const { socket, buffered } = await openSocket(route, { buffer, callback }, options)
    connection = new Connection(socket)
    if (!buffered) {
      socket.on('data', (bytes: Buffer) => {
        if (!connection?.onBytes(bytes)) socket.pause()
      })
    }
    return connection
  }

  private constructor(socket: Socket) {
    this.#socket = socket
    this.remoteAddress = socket.remoteAddress
    this.#parser = new ResponseParser({
      onHead: (head) => {
        this.#head = head
        // An answer to the last bytes can be read before the write of them is reported done.
        if (this.#unsent > 0) this.#pendingWrite?.reject(new AnsweredEarly())
        else this.#pendingWrite?.resolve()
      },
      onBody: (bytes) => {
        this.moved += bytes.length
        this.#unread.push(bytes)
      },
      onEnd: () => (this.#complete = true),
    })
    readBeforeClosing(socket)
    socket.on('error', (error) => this.#onLost(error))
    socket.on('end', () => this.#onEnd())
    socket.on('close', () => this.#onLost(connectionClosed()))
  }

  /** Sends a request, with its body where it has one, and waits for the head of its answer. */
  async request(
    head: string,
    { body, isHead }: { readonly body?: Uint8Array | undefined; readonly isHead: boolean },
  ): Promise<ResponseHead> {
    this.#begin(head, body, isHead)
    return this.#waitForHead('head')
  }

  /** Sends a request with a body; an answer that comes before the end of the body is the answer. */
  async upload(head: string, content: Content): Promise<ResponseHead> {
    // The head goes out with the first bytes: one packet and one system call less per blob.
    this.#socket.cork()
    this.#begin(head)
    this.#unsent = content.size
    this.uploaded = content.size
    try {
      await content.read((chunk) => this.#write(chunk))
      this.#socket.uncork()
      // The server would wait for the rest for ever.
      if (this.#unsent > 0) throw new WireError('CONNECTION_LOST', `the upload ended ${this.#unsent} bytes early`)
    } catch (error) {
      if (this.#head === undefined || (this.#unsent === 0 && error !== this.#failure)) {
        this.destroy(error)
        throw error
      }
      content.cancel()
      this.closed = true
    }
    return this.#waitForHead('answer')
  }

  /** Delivers the body of the answer; the connection is free for another request afterwards, if the server allows one. */
  async readBody(sink: ChunkSink): Promise<void> {
    this.#sink = sink
    this.waiting = 'body'
    if (this.#deliver()) this.#socket.resume()
    try {
      while (this.refusal === undefined && (!this.#complete || this.#unread.length > 0 || this.#delivering !== undefined)) {
        if (this.#failure !== undefined) throw this.#failure
        await this.#changed()
      }
      if (this.refusal !== undefined) throw this.refusal.error
    } finally {
      this.#sink = undefined
      this.#unread.length = 0
    }
    this.#inRequest = false
    this.waiting = 'nothing'
    // Unsent bytes of a request that was answered early would corrupt the next request.
    if (this.#head?.keepAlive !== true || this.#socket.writableLength > 0) this.closed = true
    if (this.closed) this.#socket.destroy()
  }

  /** Ends the connection; pending reads and writes reject with the reason. */
  destroy(reason?: unknown): void {
    this.#failure ??= reason ?? connectionClosed()
    this.closed = true
    this.#socket.destroy()
    this.#pendingWrite?.reject(this.#failure)
    this.#settle?.()
  }

  /** True while bytes in this memory wait for the reader, or are with it. */
  holds(memory: ArrayBufferLike): boolean {
    return this.#delivering?.buffer === memory || this.#unread.some(({ buffer }) => buffer === memory)
  }

  /** Called with every read; false stops reading until the bytes are taken. */
  onBytes(bytes: Buffer): boolean {
    this.heard = true
    let wellFormed = true
    try {
      if (!this.#inRequest) throw new WireError('PROTOCOL', 'the server sent unexpected bytes')
      this.#parser.push(bytes)
    } catch (error) {
      wellFormed = false
      this.#onLost(error)
    }
    if (this.#failure !== undefined) return false
    const taken = this.#deliver()
    this.#settle?.()
    return taken && wellFormed
  }

  #begin(head: string, body?: Uint8Array, isHead = false): void {
    this.#parser.reset(isHead)
    this.#head = undefined
    this.#complete = false
    this.#unsent = 0
    this.#inRequest = true
    this.heard = false
    this.#socket.resume()
    if (body === undefined || body.length === 0) this.#socket.write(head, 'latin1')
    else this.#socket.write(Buffer.concat([Buffer.from(head, 'latin1'), body]))
  }

  async #waitForHead(waiting: Waiting): Promise<ResponseHead> {
    this.waiting = waiting
    while (this.#head === undefined) {
      if (this.#failure !== undefined) throw this.#failure
      await this.#changed()
    }
    // From here on it is the reader of the body who lets the server wait.
    this.waiting = 'nothing'
    return this.#head
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => {
      this.#settle = () => {
        this.#settle = undefined
        resolve()
      }
    })
  }

  /** What goes wrong once the answer is complete spoils the connection and not the answer. */
  #onLost(error: unknown): void {
    if (this.#inRequest && this.#complete) this.closed = true
    else this.destroy(error)
  }

  #onEnd(): void {
    try {
      this.closed = true
      if (this.#inRequest) this.#parser.close()
      this.#settle?.()
    } catch (error) {
      this.destroy(error)
    }
  }

  /** Hands unread bytes to the reader; false while some remain unread. */
  #deliver(): boolean {
    if (this.#delivering !== undefined) return false
    while (this.#sink !== undefined) {
      const bytes = this.#unread.shift()
      if (bytes === undefined) return true
      try {
        const taken = this.#sink(bytes)
        if (taken === undefined) continue
        this.#delivering = bytes
        this.waiting = 'nothing'
        taken.then(
          () => this.#delivered(),
          (error: unknown) => this.#refused(error),
        )
      } catch (error) {
        this.#refused(error)
      }
      return false
    }
    return this.#unread.length === 0
  }

  #delivered(): void {
    this.#delivering = undefined
    this.waiting = 'body'
    if (this.#deliver()) this.#socket.resume()
    this.#settle?.()
  }

  #refused(error: unknown): void {
    this.#delivering = undefined
    this.#unread.length = 0
    this.refusal = { error }
    this.destroy(error)
  }

  #write(chunk: Uint8Array): void | Promise<void> {
    if (this.#head !== undefined) throw new AnsweredEarly()
    if (this.#failure !== undefined) throw this.#failure
    if (chunk.length > this.#unsent) throw new WireError('PROTOCOL', 'the upload is longer than it was announced')
    this.moved += chunk.length
    this.#unsent -= chunk.length
    let written: (error?: Error | null) => void = () => undefined
    this.#socket.write(chunk, (error) => written(error))
    this.#socket.uncork()
    // The kernel took everything at once: the chunk's memory is free again.
    if (this.#socket.writableLength === 0) return
    this.waiting = 'write'
    return new Promise<void>((resolve, reject) => {
      this.#pendingWrite = { resolve, reject }
      // A failed write ends the connection, which rejects; the answer may come before that.
      written = (error) => (error ? undefined : resolve())
    }).finally(() => {
      this.#pendingWrite = undefined
      this.waiting = 'nothing'
    })
  }
}
