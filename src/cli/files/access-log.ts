import type { FileHandle } from 'node:fs/promises'
import type { AccessRecord } from '../../registry-server/registry-server.ts'
import { redactUrl } from '../../text/redact.ts'
import { maskForeign } from '../../text/secrets.ts'
import type { CliProcess } from '../cli-process.ts'
import { fileError } from './file-error.ts'
import { openInPlace } from './output-files.ts'

/** Most lines that wait for a slow disk; further ones are dropped to bound memory. */
const maxWaiting = 10_000
/** Most bytes that wait for the reader of standard output, for the same reason. */
const maxUnread = 1024 * 1024
const maxText = 1024

/** Receives one line for each request. */
export interface AccessLog extends AsyncDisposable {
  /** Never fails: a line that cannot be written is lost, with one warning. */
  readonly write: (record: AccessRecord) => void
  /** Opens the file by its name again, after a program that rotates logs renamed it. Never fails: where the file cannot be opened, the failure is logged and the old file stays in use. */
  readonly reopen: () => Promise<void>
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

/** Formats one request as a line of JSON. */
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
  // JSON escapes only the first 32 control characters; terminals and line readers interpret these too.
  const text = JSON.stringify(line).replace(/[\u007f-\u009f\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return `${text}\n`
}

/** Appends to a file, which a program that rotates logs may truncate; a failed write is retried with the next request. */
function fileLog(opened: FileHandle, path: string, warn: (line: string) => void): AccessLog {
  let file = opened
  let waiting: string[] = []
  let writing: Promise<void> | undefined
  let isTorn = false
  let isClosed = false
  const drain = async (): Promise<void> => {
    while (waiting.length > 0) {
      const text = waiting.join('')
      waiting = []
      try {
        // The failed write may have left half a line.
        await file.appendFile(isTorn ? `\n${text}` : text)
        isTorn = false
      } catch (error) {
        if (!isTorn) warn(`${fileError('write the access log', path, error).message}; requests are answered without it`)
        isTorn = true
      }
    }
    writing = undefined
  }
  const reopen = async (): Promise<void> => {
    try {
      const before = file
      file = await openLog(path)
      await writing
      await before.close()
    } catch (error) {
      warn(fileError('reopen the access log', path, error).message)
    }
  }
  return {
    reopen,
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

/** Prints each line; lines that no one reads are dropped. */
function printedLog(print: (text: string) => void, warn: (line: string) => void): AccessLog {
  let isBehind = false
  const write = (record: AccessRecord): void => {
    const unread = process.stdout.writableLength
    if (unread > maxUnread && !isBehind) warn('standard output is not being read: access log lines are dropped until it is')
    isBehind = unread > maxUnread || (isBehind && unread > 0)
    if (!isBehind) print(formatAccess(record, new Date()))
  }
  return { write, reopen: () => Promise.resolve(), [Symbol.asyncDispose]: () => Promise.resolve() }
}

function openLog(path: string): Promise<FileHandle> {
  return openInPlace(path, { append: true, mode: 0o640 })
}

/** Opens the file of `--access-log`; `-` is standard output. Throws LOCAL_IO. */
export async function openAccessLog(path: string, { print, warn }: Pick<CliProcess, 'print' | 'warn'>): Promise<AccessLog> {
  if (path === '-') return printedLog(print, warn)
  try {
    return fileLog(await openLog(path), path, warn)
  } catch (error) {
    throw fileError('write the access log', path, error)
  }
}
