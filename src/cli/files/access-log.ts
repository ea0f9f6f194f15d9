import type { FileHandle } from 'node:fs/promises'
import type { AccessRecord } from '../../registry-server/registry-server.ts'
import { redactUrl } from '../../text/redact.ts'
import { maskForeign } from '../../text/secrets.ts'
import type { CliProcess } from '../cli-process.ts'
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
function fileLog(file: FileHandle, path: string, warn: (line: string) => void): AccessLog {
  let waiting: string[] = []
  let writing: Promise<void> | undefined
  let isTorn = false
  let isClosed = false
  const drain = async (): Promise<void> => {
    while (waiting.length > 0) {
      const text = waiting.join('')
      waiting = []
      try {
        // What failed may have left half a line.
        await file.appendFile(isTorn ? `\n${text}` : text)
        isTorn = false
      } catch (error) {
        if (!isTorn) warn(`${fileError('write the access log', path, error).message}; requests are answered without it`)
        isTorn = true
      }
    }
    writing = undefined
  }
  return {
    write: (record) => {
      if (isClosed) return
      if (waiting.length < maxWaiting) waiting.push(formatAccess(record, new Date()))
      writing ??= drain()
    },
    [Symbol.asyncDispose]: async () => {
      isClosed = true
      await writing
      await file.close().catch(() => undefined)
    },
  }
}

/** Prints each line; those that nobody reads are lost. */
function printedLog(print: (text: string) => void, warn: (line: string) => void): AccessLog {
  let isBehind = false
  const write = (record: AccessRecord): void => {
    const unread = process.stdout.writableLength
    if (unread > maxUnread && !isBehind) warn('standard output is not being read: access log lines are lost until it is')
    isBehind = unread > maxUnread || (isBehind && unread > 0)
    if (!isBehind) print(formatAccess(record, new Date()))
  }
  return { write, [Symbol.asyncDispose]: () => Promise.resolve() }
}

/** Opens the file of `--access-log`, `-` being standard output, before anything listens; throws LOCAL_IO. */
export async function openAccessLog(path: string, { print, warn }: Pick<CliProcess, 'print' | 'warn'>): Promise<AccessLog> {
  if (path === '-') return printedLog(print, warn)
  try {
    return fileLog(await openInPlace(path, { append: true, mode: 0o640 }), path, warn)
  } catch (error) {
    throw fileError('write the access log', path, error)
  }
}
