import { Option, type Command } from 'commander'
import { constants, createWriteStream, type WriteStream } from 'node:fs'
import { access, open, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { MirrorError } from '../../errors.ts'
import type { Verbosity } from '../output/event-lines.ts'
import { formatJson } from '../output/events-ndjson.ts'

/** What commander makes of the options about output. */
export interface OutputFlags {
  readonly output: 'text' | 'json'
  readonly quiet?: boolean
  readonly verbose?: boolean
  readonly report?: string
  readonly events?: string
}

/** Adds the options that every command has. */
export function addOutput(command: Command): Command {
  return command
    .addOption(new Option('--output <format>', 'what standard output carries').choices(['text', 'json']).default('text'))
    .option('--quiet', 'only errors on standard error')
    .option('--verbose', 'retries and single blobs too, and stack traces')
}

/** Adds `--report` and `--events`, for commands that take a while. */
export function addRunOutput(command: Command): Command {
  return command
    .option('--report <file>', 'write the JSON report to this file too')
    .option('--events <file or ->', 'write every event as a line of JSON; - is standard output')
}

/** How much is said. */
export function verbosity({ quiet, verbose }: OutputFlags): Verbosity {
  return quiet === true ? 'quiet' : verbose === true ? 'verbose' : 'normal'
}

function localIo(action: string, path: string, cause: unknown): MirrorError {
  const { code = 'unknown reason' } = cause as NodeJS.ErrnoException
  return new MirrorError('LOCAL_IO', `cannot ${action} ${path} (${code})`, {
    hint: 'Check that the directory exists and may be written.',
    cause,
  })
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

/** The stream for `--events`, opened before anything moves, so that a bad path is said early. */
export async function openEvents(path: string): Promise<WriteStream | NodeJS.WriteStream> {
  if (path === '-') return process.stdout
  const stream = createWriteStream(path)
  await new Promise<void>((resolve, reject) => {
    stream.once('open', () => resolve())
    stream.once('error', (error) => reject(localIo('write events to', path, error)))
  })
  return stream
}
