import type { Socket } from 'node:net'
import type { ChunkSink, Content } from '../async/content.ts'
import { openSocket, type SocketRoute } from './open-socket.ts'
import { ResponseParser, type ResponseHead } from './response-parser.ts'
import { WireError } from './wire-error.ts'

/** Bytes read at once. More is not faster, and every open connection holds as many. */
const readBufferBytes = 128 * 1024

/** What the connection waits for, and so which silence is the server's fault. */
type Waiting = 'nothing' | 'head' | 'body' | 'write' | 'answer'

/** Thrown into an upload whose answer came before its end. */
class AnsweredEarly extends Error {}

/**
 * One HTTP/1.1 connection for bodies that are too large to hold: reads go through one reused buffer and writes straight
 * from it, so that memory does not grow with size. One request at a time.
 */
export class Connection {
  /** True once it can carry no further request. */
  closed = false
  /** Bytes moved either way, for the watchdog. */
  moved = 0
  waiting: Waiting = 'nothing'

  readonly #socket: Socket
  readonly #parser: ResponseParser
  readonly #unread: Buffer[] = []
  #head: ResponseHead | undefined
  #complete = false
  #delivering = false
  #sink: ChunkSink | undefined
  #failure: unknown
  /** Why the reader took no more, which counts even where the whole answer is here already. */
  #refusal: { readonly error: unknown } | undefined
  #inRequest = false
  #abandonWrite: ((reason: unknown) => void) | undefined
  #settle: (() => void) | undefined

  /** Opens a connection; rejects with the socket's own error. */
  static async open(route: SocketRoute, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<Connection> {
    let connection: Connection | undefined
    const buffer = Buffer.allocUnsafeSlow(readBufferBytes)
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
    this.#parser = new ResponseParser({
      onHead: (head) => {
        this.#head = head
        this.#abandonWrite?.(new AnsweredEarly())
      },
      onBody: (bytes) => this.#unread.push(bytes),
      onEnd: () => (this.#complete = true),
    })
    socket.on('error', (error) => this.destroy(error))
    socket.on('end', () => this.#onEnd())
    socket.on('close', () => this.destroy(Object.assign(new Error('closed'), { code: 'ECONNRESET' })))
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
    this.#begin(head)
    let sent = 0
    try {
      await content.read((chunk) => {
        sent += chunk.length
        return this.#write(chunk)
      })
      // The server would wait for the rest for ever.
      if (sent !== content.size) throw new WireError('CONNECTION_LOST', `the upload ended after ${sent} of ${content.size} bytes`)
    } catch (error) {
      if (!(error instanceof AnsweredEarly)) {
        const answered = this.#head
        this.destroy(error)
        if (answered === undefined) throw error
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
    while (this.#refusal === undefined && (!this.#complete || this.#unread.length > 0 || this.#delivering)) {
      if (this.#failure !== undefined) throw this.#failure
      await this.#changed()
    }
    if (this.#refusal !== undefined) throw this.#refusal.error
    this.#sink = undefined
    this.#inRequest = false
    this.waiting = 'nothing'
    if (this.#head?.keepAlive !== true) this.closed = true
    if (this.closed) this.#socket.destroy()
  }

  /** Ends the connection; whoever waits on it gets the reason. */
  destroy(reason?: unknown): void {
    this.#failure ??= reason ?? Object.assign(new Error('closed'), { code: 'ECONNRESET' })
    this.closed = true
    this.#socket.destroy()
    this.#abandonWrite?.(this.#failure)
    this.#settle?.()
  }

  /** Called with every read; false stops reading until the bytes are taken. */
  onBytes(bytes: Buffer): boolean {
    this.moved += bytes.length
    try {
      if (!this.#inRequest) throw new WireError('PROTOCOL', 'the server sent bytes that nobody asked for')
      this.#parser.push(bytes)
    } catch (error) {
      this.destroy(error)
      return false
    }
    const taken = this.#deliver()
    this.#settle?.()
    return taken
  }

  #begin(head: string, body?: Uint8Array, isHead = false): void {
    this.#parser.reset(isHead)
    this.#head = undefined
    this.#complete = false
    this.#inRequest = true
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

  #onEnd(): void {
    try {
      this.closed = true
      if (this.#inRequest) this.#parser.close()
      this.#settle?.()
    } catch (error) {
      this.destroy(error)
    }
  }

  /** Hands unread bytes to the reader; false while there are bytes that nobody has taken. */
  #deliver(): boolean {
    if (this.#delivering) return false
    while (this.#sink !== undefined) {
      const bytes = this.#unread.shift()
      if (bytes === undefined) return true
      try {
        const taken = this.#sink(bytes)
        if (taken === undefined) continue
        this.#delivering = true
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
    this.#delivering = false
    this.waiting = 'body'
    if (this.#deliver()) this.#socket.resume()
    this.#settle?.()
  }

  #refused(error: unknown): void {
    this.#delivering = false
    this.#unread.length = 0
    this.#refusal = { error }
    this.destroy(error)
  }

  #write(chunk: Uint8Array): void | Promise<void> {
    if (this.#head !== undefined) throw new AnsweredEarly()
    if (this.#failure !== undefined) throw this.#failure
    this.moved += chunk.length
    let written: (error?: Error | null) => void = () => undefined
    this.#socket.write(chunk, (error) => written(error))
    // The kernel took everything at once: the chunk's memory is free again.
    if (this.#socket.writableLength === 0) return
    this.waiting = 'write'
    return new Promise<void>((resolve, reject) => {
      this.#abandonWrite = reject
      written = (error) => (error ? reject(this.#failure ?? error) : resolve())
    }).finally(() => {
      this.#abandonWrite = undefined
      this.waiting = 'nothing'
    })
  }
}
