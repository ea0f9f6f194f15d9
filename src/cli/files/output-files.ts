import { constants } from 'node:fs'
import { access, lstat, open, realpath, stat, type FileHandle } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { MirrorError } from '../../errors.ts'
import { followLinks, refusePlanted } from '../../layout/planted-files.ts'
import { replaceFile } from '../../layout/replace-file.ts'
import { formatJson } from '../output/json.ts'
import type { TextOutput } from '../output/renderer.ts'
import { fileError, ifThere } from './file-error.ts'

/** Opens a file, a device or a pipe to be written to where it is; makes a file that is missing. Throws USAGE for what others have put there, and what the system throws. */
export async function openInPlace(path: string, { append = false, mode = 0o666 } = {}): Promise<FileHandle> {
  for (let attempt = 1; ; attempt++) {
    const file = await followLinks(path)
    await refusePlanted(file)
    const facts = await lstat(file).catch(() => undefined)
    // Only in /proc a link is left, which is no path: what it leads to is open here, and perhaps written to already.
    const isOpen = facts?.isSymbolicLink() === true
    const known = isOpen ? constants.O_APPEND : constants.O_NOFOLLOW | (append ? constants.O_APPEND : constants.O_TRUNC)
    const made = constants.O_CREAT | constants.O_EXCL | (append ? constants.O_APPEND : 0)
    try {
      return await open(file, constants.O_WRONLY | (facts === undefined ? made : known), mode)
    } catch (error) {
      // It came or went just now, and is looked at again.
      const { code } = error as NodeJS.ErrnoException
      const hasChanged = code === 'EEXIST' || (code === 'ENOENT' && facts !== undefined)
      if (!hasChanged || attempt === 3) throw error
    }
  }
}

/** The writer for `--report`, which does nothing without a path; one that cannot be written is said here, before anything moves. */
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
  if (buffer.toString('latin1', 0, bytesRead) !== reportStart) throw new MirrorError('USAGE', `${path} is not a report`)
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
