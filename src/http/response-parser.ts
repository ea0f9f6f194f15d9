import { ResponseHeaders } from './message.ts'
import { WireError } from './network-error.ts'

/** Status and headers of an answer, and how its body is delimited: https://www.rfc-editor.org/rfc/rfc9112#section-6.3 */
export interface ResponseHead {
  readonly status: number
  readonly headers: ResponseHeaders
  /** Bytes of the body, `chunked`, or `close` when the end of the connection is its end. */
  readonly length: number | 'chunked' | 'close'
  /** True when the connection can carry another request afterwards. */
  readonly keepAlive: boolean
}

const maxHeadBytes = 64 * 1024

/** Interim answers to one request; registries send none, proxies a few. */
const mostInterim = 100

/** Bytes of the line before a chunk, its extensions included. */
const maxChunkLineBytes = 4096

const end = { head: '\r\n\r\n', line: '\r\n' } as const

function malformed(what: string): WireError {
  return new WireError('PROTOCOL', `invalid HTTP answer: ${what}`)
}

/** Text without the spaces and tabs around it; a regular expression takes quadratic time on a line of spaces. */
function trimmed(text: string, start: number): string {
  let from = start
  let to = text.length
  while (from < to && (text[from] === ' ' || text[from] === '\t')) from++
  while (to > from && (text[to - 1] === ' ' || text[to - 1] === '\t')) to--
  return text.slice(from, to)
}

function parseHeaders(lines: readonly string[]): Map<string, string[]> {
  const headers = new Map<string, string[]>()
  for (const line of lines) {
    const [, name] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):/.exec(line) ?? []
    // oxlint-disable-next-line no-control-regex -- control characters are what is refused
    if (name === undefined || /[\x00-\x08\x0a-\x1f\x7f]/.test(line)) throw malformed('a malformed header')
    const key = name.toLowerCase()
    const value = trimmed(line, name.length + 1)
    const values = headers.get(key)
    if (values === undefined) headers.set(key, [value])
    else values.push(value)
  }
  return headers
}

/** An answer to a HEAD ends with its head, whatever it declares about a body. */
function parseLength(headers: ResponseHeaders, status: number, isHead: boolean): ResponseHead['length'] {
  if (isHead || status === 204 || status === 304) return 0
  const encodings = headers.all('transfer-encoding')
  const lengths = new Set(headers.all('content-length'))
  if (encodings.length > 0) {
    if (lengths.size > 0) throw malformed('both Content-Length and Transfer-Encoding')
    if (encodings.length > 1 || encodings[0]?.toLowerCase() !== 'chunked') throw malformed('an unknown Transfer-Encoding')
    return 'chunked'
  }
  if (lengths.size === 0) return 'close'
  const [text = ''] = lengths
  if (lengths.size > 1 || !/^[0-9]{1,15}$/.test(text)) throw malformed('an invalid Content-Length')
  return Number(text)
}

/** Reads a head, without its final empty line; throws PROTOCOL for anything that two readers could read in two ways. */
export function parseResponseHead(text: string, isHead = false): ResponseHead {
  const [statusLine = '', ...lines] = text.split('\r\n')
  const [, minor, code] = /^HTTP\/1\.([01]) ([1-5][0-9]{2})(?: .*)?$/.exec(statusLine) ?? []
  if (code === undefined) throw malformed('no status line')
  const headers = new ResponseHeaders(parseHeaders(lines))
  const status = Number(code)
  const length = parseLength(headers, status, isHead)
  const connection = headers.all('connection').join(',').toLowerCase()
  const keepAlive = length !== 'close' && (minor === '1' ? !/\bclose\b/.test(connection) : /\bkeep-alive\b/.test(connection))
  return { status, headers, length, keepAlive }
}

/** What the parser found in the bytes it was given. */
export interface ParserEvents {
  /** A final head; interim (1xx) ones are skipped. */
  onHead(head: ResponseHead): void
  /** Body bytes, a view of the bytes that were given. */
  onBody(bytes: Buffer): void
  /** The answer is complete. */
  onEnd(): void
}

type State = 'head' | 'counted' | 'until-close' | 'chunk-size' | 'chunk-data' | 'chunk-end' | 'trailer' | 'done'

/** An incremental reader of one answer after another: https://www.rfc-editor.org/rfc/rfc9112. Body bytes are never copied. */
export class ResponseParser {
  readonly #events: ParserEvents
  #state: State = 'head'
  #pending = ''
  /** Bytes that are still to come of the body or of the chunk, or that may still come of the trailer. */
  #left = 0
  #isHead = false
  #interim = 0

  constructor(events: ParserEvents) {
    this.#events = events
  }

  /** Gets ready for the answer to the next request on the connection; the answer to a HEAD has no body, whatever it announces. */
  reset(isHead = false): void {
    this.#state = 'head'
    this.#pending = ''
    this.#interim = 0
    this.#isHead = isHead
  }

  /** Takes bytes as they arrive; throws PROTOCOL. */
  push(bytes: Buffer): void {
    let at = 0
    while (at < bytes.length) {
      if (this.#state === 'done') throw malformed('bytes after its end')
      at += this.#isBody() ? this.#pushBody(bytes.subarray(at)) : this.#pushLine(bytes.subarray(at))
    }
  }

  /** The connection was closed by the server; throws CONNECTION_LOST unless that is how the answer ends. */
  close(): void {
    if (this.#state === 'until-close') this.#end()
    else if (this.#state === 'head' && this.#pending === '')
      throw new WireError('CONNECTION_LOST', 'the connection was closed without an answer', { isUnanswered: true })
    else if (this.#state !== 'done') throw new WireError('CONNECTION_LOST', 'the connection was closed before the end of the answer')
  }

  #isBody(): boolean {
    return this.#state === 'counted' || this.#state === 'chunk-data' || this.#state === 'until-close'
  }

  #end(): void {
    this.#state = 'done'
    this.#events.onEnd()
  }

  #pushBody(bytes: Buffer): number {
    const taken = this.#state === 'until-close' ? bytes.length : Math.min(bytes.length, this.#left)
    this.#left -= taken
    this.#events.onBody(taken === bytes.length ? bytes : bytes.subarray(0, taken))
    if (this.#left > 0 || this.#state === 'until-close') return taken
    if (this.#state === 'chunk-data') this.#state = 'chunk-end'
    else this.#end()
    return taken
  }

  /** Collects text up to the end of what the state waits for: a whole head, or one line. */
  #pushLine(bytes: Buffer): number {
    const mark = this.#state === 'head' ? end.head : end.line
    const most = this.#state === 'head' ? maxHeadBytes : this.#state === 'trailer' ? this.#left : maxChunkLineBytes
    const before = this.#pending.length
    const searched = bytes.subarray(0, most + mark.length - before)
    // What follows the line is a body as a rule, which is not worth turning into text.
    const whole = before === 0 ? searched.indexOf(mark, 0, 'latin1') : -1
    const text = this.#pending + searched.toString('latin1', 0, whole === -1 ? searched.length : whole)
    const found = before === 0 ? whole : text.indexOf(mark, Math.max(0, before - mark.length))
    if (found === -1) {
      if (text.length >= most + mark.length)
        throw malformed(this.#state === 'chunk-size' ? 'a malformed chunk size' : 'its headers are larger than 64 KiB')
      if (this.#state === 'head' && !'HTTP/'.startsWith(text.slice(0, 5))) throw malformed('no status line')
      this.#pending = text
      return searched.length
    }
    this.#pending = ''
    this.#onText(text.slice(0, found))
    return found + mark.length - before
  }

  #onText(text: string): void {
    if (this.#state === 'head') this.#onHead(text)
    else if (this.#state === 'chunk-size') this.#onChunkSize(text)
    else if (this.#state === 'chunk-end' && text === '') this.#state = 'chunk-size'
    else if (this.#state === 'trailer') {
      this.#left -= text.length
      if (text === '') this.#end()
    } else throw malformed('a malformed chunk')
  }

  #onHead(text: string): void {
    const head = parseResponseHead(text, this.#isHead)
    if (head.status === 101) throw malformed('an unrequested protocol switch')
    if (head.status < 200) {
      if (++this.#interim > mostInterim) throw malformed(`more than ${mostInterim} interim answers`)
      return
    }
    this.#left = typeof head.length === 'number' ? head.length : 0
    this.#state = head.length === 'chunked' ? 'chunk-size' : head.length === 'close' ? 'until-close' : 'counted'
    this.#events.onHead(head)
    if (head.length === 0) this.#end()
  }

  #onChunkSize(text: string): void {
    const size = /^([0-9a-fA-F]{1,12})[ \t]*(?:;.*)?$/.exec(text)?.[1]
    if (size === undefined) throw malformed('a malformed chunk size')
    const bytes = Number.parseInt(size, 16)
    this.#state = bytes === 0 ? 'trailer' : 'chunk-data'
    this.#left = bytes === 0 ? maxHeadBytes : bytes
  }
}
