import { constants } from 'node:fs'
import { access, lstat, open, realpath, stat, type FileHandle } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { MirrorError } from '../../errors.ts'
import { followLinks, refusePlanted } from '../../layout/planted-files.ts'
import { replaceFile } from '../../layout/replace-file.ts'
import { formatJson } from '../output/json.ts'
import type { TextOutput } from '../output/renderer.ts'
import { fileError, ifThere } from './file-error.ts'

/** Opens a file, a device or a pipe for writing in place, and creates a missing file. Throws USAGE for a planted file, and what the system throws. */
export async function openInPlace(path: string, { append = false, mode = 0o666 } = {}): Promise<FileHandle> {
  for (let attempt = 1; ; attempt++) {
    const file = await followLinks(path)
    await refusePlanted(file)
    const facts = await lstat(file).catch(() => undefined)
    // Only a link in /proc is left, which is not a path: its target is open in this process, and may have content.
    const isOpen = facts?.isSymbolicLink() === true
    const known = isOpen ? constants.O_APPEND : constants.O_NOFOLLOW | (append ? constants.O_APPEND : constants.O_TRUNC)
    const made = constants.O_CREAT | constants.O_EXCL | (append ? constants.O_APPEND : 0)
    try {
      return await open(file, constants.O_WRONLY | (facts === undefined ? made : known), mode)
    } catch (error) {
      // The file has just appeared or disappeared, so it is checked again.
      const { code } = error as NodeJS.ErrnoException
      const hasChanged = code === 'EEXIST' || (code === 'ENOENT' && facts !== undefined)
      if (!hasChanged || attempt === 3) throw error
    }
  }
}

/** The writer for `--report`, which does nothing without a path. Throws LOCAL_IO for a file that cannot be written, before anything is copied. */
export async function openReport(path: string | undefined): Promise<(report: object) => Promise<void>> {
  if (path === undefined) return () => Promise.resolve()
  const refuse = (error: unknown): never => {
    throw fileError('write the report', path, error)
  }
  const target = await followLinks(path)
  // A device or a pipe, such as /dev/stdout, is written to and never replaced.
  const facts = await ifThere(stat(target), 'write the report', path)
  if (facts?.isDirectory() === true) refuse({ code: 'EISDIR' })
  const isOpen = (await lstat(target).catch(() => undefined))?.isSymbolicLink() === true
  const isReplaced = facts === undefined || (facts.isFile() && !isOpen)
  if (isReplaced) await access(dirname(target), constants.W_OK).catch(refuse)
  else await refusePlanted(target)
  const writeTo = async (text: string): Promise<void> => {
    await using file = await openInPlace(target)
    await file.writeFile(text)
  }
  return async (report) => {
    const text = `${formatJson(report)}\n`
    await (isReplaced ? replaceFile(target, text) : writeTo(text)).catch(refuse)
  }
}

/** How every report begins. */
const reportStart = '{"schemaVersion":'

/** Throws USAGE where a report of a command line that was not checked would replace a file that is not a report. */
export async function refuseForeignReport(path: string): Promise<void> {
  const facts = await ifThere(stat(path), 'read', path)
  if (facts === undefined || !facts.isFile() || facts.size === 0) return
  await using file = await open(path)
  const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(reportStart.length), position: 0 })
  if (buffer.toString('latin1', 0, bytesRead) !== reportStart)
    throw new MirrorError('USAGE', `${path} exists and is not a report of k3s-mirror`)
}

/** The file of `--events`. */
export interface EventsFile {
  readonly output: TextOutput
  /** Waits until everything is written; throws LOCAL_IO where that failed. */
  close(): Promise<void>
}

/** Opens the file for `--events` before anything is copied, so that a bad path is reported early; a later failure does not end the run. */
export async function openEvents(path: string): Promise<EventsFile> {
  if (path === '-') return { output: process.stdout, close: () => Promise.resolve() }
  const file = await openInPlace(path).catch((error: unknown) => {
    throw fileError('write events to', path, error)
  })
  const stream = file.createWriteStream()
  let failure: unknown
  stream.on('error', (error) => {
    failure ??= error
  })
  const closed = new Promise<void>((resolveClosed) => stream.once('close', () => resolveClosed()))
  return {
    output: { write: (text) => failure === undefined && stream.write(text) },
    async close() {
      stream.end()
      await closed
      if (failure !== undefined) throw fileError('write events to', path, failure)
    },
  }
}

/** Throws USAGE where a file would be read and overwritten, or written twice. */
export async function refuseSharedFiles(written: readonly (string | undefined)[], read: readonly (string | undefined)[]): Promise<void> {
  const real = (path: string): Promise<string> => realpath(path).catch(() => resolve(path))
  const isFile = (path: string | undefined): path is string =>
    path !== undefined && path !== '-' && !/^(?:\/dev\/|[a-z][a-z0-9+.-]*:\/\/)/i.test(path)
  const inputs = new Set(await Promise.all(read.filter(isFile).map(real)))
  for (const path of written.filter(isFile)) {
    const file = await real(path)
    if (inputs.has(file)) {
      throw new MirrorError('USAGE', `${path} is named twice: the second use would overwrite the first`, {
        hint: 'pass a different file with each option',
      })
    }
    inputs.add(file)
  }
}
