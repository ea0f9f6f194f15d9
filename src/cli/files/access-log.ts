import type { FileHandle } from 'node:fs/promises'
import type { AccessRecord } from '../../registry-server/registry-server.ts'
import { redactUrl } from '../../text/redact.ts'
import { maskForeign } from '../../text/secrets.ts'
import { fileError } from './file-error.ts'
import { openInPlace } from './output-files.ts'

/** Lines that wait for a slow disk at most; further ones are lost rather than kept in memory. */
const maxWaiting = 10_000
/** Bytes that wait for the reader of standard output at most, for the same reason. */
const maxUnread = 1024 * 1024
const maxText = 1024

/** Where a line for every request goes. */
export interface AccessLog extends AsyncDisposable {
  /** Never fails: a line that cannot be written is lost, and that is told once. */
  readonly write: (record: AccessRecord) => void
}

/** Path and query without the values of parameters that may be secrets. */
function shownUrl(url: string): string {
  if (!url.startsWith('/')) return '*'
  try {
    const parsed = new URL(`http://localhost${url}`)
    return maskForeign(redactUrl(parsed).slice(parsed.origin.length))
  } catch {
    return maskForeign(url.replace(/\?.*$/s, ''))
  }
}

/** One request as a line of JSON. */
export function formatAccess(record: AccessRecord, time: Date): string {
  const { remoteAddress, user, method, url, status, received, bytes, milliseconds, userAgent } = record
  const line = {
    time: time.toISOString(),
    remoteAddress,
    ...(user !== undefined && { user }),
    method,
    path: shownUrl(url).slice(0, maxText),
    status,
    received,
    bytes,
    milliseconds: Math.round(milliseconds * 10) / 10,
    userAgent: maskForeign(userAgent).slice(0, maxText),
  }
  // Terminals and line readers take these for something; JSON itself escapes only the first 32.
  const text = JSON.stringify(line).replace(/[\u007f-\u009f\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return `${text}\n`
}

/** Appends to a file, which a program that rotates logs may cut to nothing; a file that fails is tried again with the next request. */
class FileLog implements AccessLog {
  readonly #file: FileHandle
  readonly #path: string
  readonly #warn: (line: string) => void
  #waiting: string[] = []
  #writing: Promise<void> | undefined
  #isTorn = false
  #hasWarned = false
  #isClosed = false

  constructor(file: FileHandle, path: string, warn: (line: string) => void) {
    this.#file = file
    this.#path = path
    this.#warn = warn
  }

  readonly write = (record: AccessRecord): void => {
    if (this.#isClosed) return
    if (this.#waiting.length < maxWaiting) this.#waiting.push(formatAccess(record, new Date()))
    this.#writing ??= this.#drain()
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const text = this.#waiting.join('')
      this.#waiting = []
      try {
        // What failed may have left half a line.
        await this.#file.appendFile(this.#isTorn ? `\n${text}` : text)
        this.#isTorn = false
        this.#hasWarned = false
      } catch (error) {
        this.#isTorn = true
        if (!this.#hasWarned)
          this.#warn(`${fileError('write the access log', this.#path, error).message}; requests are answered without it`)
        this.#hasWarned = true
      }
    }
    this.#writing = undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    await this.#writing
    await this.#file.close().catch(() => undefined)
  }
}

/** Opens the file of `--access-log`, `-` being standard output, before anything listens; throws LOCAL_IO. */
export async function openAccessLog(
  path: string,
  { print, warn }: { readonly print: (text: string) => void; readonly warn: (line: string) => void },
): Promise<AccessLog> {
  if (path === '-') {
    let isBehind = false
    const write = (record: AccessRecord): void => {
      const unread = process.stdout.writableLength
      if (unread > maxUnread && !isBehind) warn('standard output is not being read: access log lines are lost until it is')
      isBehind = unread > maxUnread || (isBehind && unread > 0)
      if (!isBehind) print(formatAccess(record, new Date()))
    }
    return { write, [Symbol.asyncDispose]: () => Promise.resolve() }
  }
  try {
    return new FileLog(await openInPlace(path, { append: true, mode: 0o640 }), path, warn)
  } catch (error) {
    throw fileError('write the access log', path, error)
  }
}
