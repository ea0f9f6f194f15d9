import { checkBundle } from '../../bundle/check-archive.ts'
import { describeBundle } from '../../bundle/describe-archive.ts'
import { imagesFiles } from '../../bundle/images-dir.ts'
import { createBundle } from '../../runs/create-bundle.ts'
import { pushBundle } from '../../runs/push-bundle.ts'
import { safeLine } from '../../text/printable.ts'
import type { CliProcess } from '../cli-process.ts'
import type { CreateFlags, LoadFlags, PushFlags } from '../commands/bundle.ts'
import { exitCodes } from '../exit-code.ts'
import { refuseSharedFiles } from '../files/output-files.ts'
import type { ArchivedFlags } from '../options/selection.ts'
import { formatBundleInfo, formatBundleCheck } from '../output/bundle-text.ts'
import { followRun, openWriteRegistries } from './follow-run.ts'
import { describeOptions, dockerConfigDirectory, selectedFiles, selectionOptions, sourceOptions, placeOptions } from './library-options.ts'
import { formatWritten } from './written-archive.ts'

/** Writes images to one file. */
export async function runBundleCreate(cli: CliProcess, flags: CreateFlags, file: string, references: readonly string[]): Promise<void> {
  const { since, lock, splitSize, forImagesDir, platform: platforms } = flags
  const bundle = { file, since, lock, splitSize, forImagesDir }
  const files = imagesFiles({ ...bundle, platforms }).map((one) => one.file)
  await refuseSharedFiles([...files, lock, flags.report, flags.events], [...selectedFiles(flags), flags.registries, since])
  const { report, hasSummary } = await followRun(cli, flags, () =>
    createBundle({ ...bundle, ...sourceOptions(flags), ...selectionOptions(references, flags), signal: cli.signal }),
  )
  if (!hasSummary || report.totals.failed > 0 || report.interrupted === true) return
  for (const one of files) cli.print(await formatWritten(one, flags))
  if (lock !== undefined) cli.print(`wrote ${safeLine(lock)}, for a later --since\n`)
}

/** Prints the content of an archive. */
export async function runBundleInfo(cli: CliProcess, { name }: ArchivedFlags, file: string): Promise<void> {
  const info = await describeBundle(file, { name, signal: cli.signal })
  cli.show({ schemaVersion: 1, command: 'bundle info', ...info }, (styles) => formatBundleInfo(info, styles))
}

/** Reads every byte of an archive, and prints the problems that it finds. */
export async function runBundleCheck(cli: CliProcess, { name }: ArchivedFlags, file: string): Promise<void> {
  const check = { schemaVersion: 1, command: 'bundle check', file, ...(await checkBundle(file, { name, signal: cli.signal })) }
  cli.show(check, (styles) => formatBundleCheck(check, styles))
  cli.exit(check.problems.length === 0 ? exitCodes.done : exitCodes.problemsFound)
}

/** Copies the images of archives to a registry or a layout. */
export async function runBundlePush(cli: CliProcess, flags: PushFlags, files: readonly string[]): Promise<void> {
  const { include, exclude, name, writeRegistries } = flags
  await refuseSharedFiles([flags.report, flags.events, writeRegistries], [...files, flags.registries])
  const writeNodes = await openWriteRegistries(flags, cli)
  const start = (): ReturnType<typeof pushBundle> =>
    pushBundle({ ...placeOptions(flags), ...describeOptions(flags), files, include, exclude, name, signal: cli.signal })
  await followRun(cli, flags, start, writeNodes)
}

/** Loads the images of archives into a Docker Engine, whose code no other command of bundles loads. */
export async function runBundleLoad(cli: CliProcess, flags: LoadFlags, files: readonly string[]): Promise<void> {
  const { include, exclude, name, dockerHost } = flags
  await refuseSharedFiles([flags.report, flags.events], files)
  const { loadBundle } = await import('../../runs/load-bundle.ts')
  const engine = { dockerHost, environment: process.env, dockerConfig: dockerConfigDirectory() }
  await followRun(cli, flags, () => loadBundle({ ...engine, files, include, exclude, name, signal: cli.signal }))
}
