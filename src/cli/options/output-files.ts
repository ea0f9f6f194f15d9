import { constants, createWriteStream } from 'node:fs'
import { access, open, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { MirrorError } from '../../errors.ts'
import { formatJson } from '../output/events-ndjson.ts'
import type { TextOutput } from '../output/renderer.ts'

/** The error for a file of the user's that cannot be written. */
export function localIo(action: string, path: string, cause: unknown): MirrorError {
  const { code = 'unknown reason' } = cause as NodeJS.ErrnoException
  const hint = code === 'ENOSPC' || code === 'EDQUOT' ? 'Make room there.' : 'Check that the directory exists and may be written.'
  return new MirrorError('LOCAL_IO', `cannot ${action} ${path} (${code})`, { hint, cause })
}

/** Replaces what is at the path, whole or not at all. */
async function replaceFile(path: string, text: string): Promise<void> {
  const part = `${path}.${process.pid}.part`
  try {
    await using file = await open(part, 'w')
    await file.writeFile(text)
    await file.sync()
    await rename(part, path)
  } catch (error) {
    await rm(part, { force: true }).catch(() => undefined)
    throw error
  }
}

/** The writer for `--report`; a path that cannot be written is said here, before anything moves. */
export async function openReport(path: string): Promise<(report: object) => Promise<void>> {
  const refuse = (error: unknown): never => {
    throw localIo('write the report', path, error)
  }
  // A device or a pipe, such as /dev/stdout, is written to and never replaced.
  const facts = await stat(path).catch((error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? undefined : refuse(error)))
  if (facts?.isDirectory() === true) refuse({ code: 'EISDIR' })
  const isReplaced = facts === undefined || facts.isFile()
  if (isReplaced) await access(dirname(path), constants.W_OK).catch(refuse)
  return (report) => {
    const text = `${formatJson(report)}\n`
    return (isReplaced ? replaceFile(path, text) : writeFile(path, text)).catch(refuse)
  }
}

/** The file of `--events`. */
export interface EventsFile {
  readonly output: TextOutput
  /** Waits until all is written; throws LOCAL_IO when something could not be. */
  close(): Promise<void>
}

/** Opens the file for `--events` before anything moves, so that a bad path is said early; one that fails later ends no run. */
export async function openEvents(path: string): Promise<EventsFile> {
  if (path === '-') return { output: process.stdout, close: () => Promise.resolve() }
  const stream = createWriteStream(path)
  let failure: unknown
  const closed = new Promise<void>((resolveClosed) => stream.once('close', () => resolveClosed()))
  await new Promise<void>((opened, refused) => {
    stream.once('open', () => opened())
    stream.on('error', (error) => {
      failure ??= error
      refused(localIo('write events to', path, error))
    })
  })
  return {
    output: { write: (text) => failure === undefined && stream.write(text) },
    async close() {
      stream.end()
      await closed
      if (failure !== undefined) throw localIo('write events to', path, failure)
    },
  }
}

/** Throws USAGE where a file that is written is one that is read, or two are one: the first would be lost. */
export async function refuseSharedFiles(written: readonly (string | undefined)[], read: readonly (string | undefined)[]): Promise<void> {
  const real = (path: string): Promise<string> => realpath(path).catch(() => resolve(path))
  const isFile = (path: string | undefined): path is string =>
    path !== undefined && path !== '-' && !/^(?:\/dev\/|[a-z][a-z0-9+.-]*:\/\/)/i.test(path)
  const inputs = new Set(await Promise.all(read.filter(isFile).map(real)))
  for (const path of written.filter(isFile)) {
    const file = await real(path)
    if (inputs.has(file)) {
      throw new MirrorError('USAGE', `${path} is named twice: what is written there would take the place of the other`, {
        hint: 'Give each of them, and every option that names a file, one of its own.',
      })
    }
    inputs.add(file)
  }
}
