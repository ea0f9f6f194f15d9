import { checkKit, describeKit } from '../../kit/check-kit.ts'
import { createKit } from '../../runs/create-kit.ts'
import { safeLine } from '../../text/printable.ts'
import type { CliProcess } from '../cli-process.ts'
import type { KitCreateFlags } from '../commands/kit.ts'
import { exitCodes } from '../exit-code.ts'
import { refuseSharedFiles } from '../files/output-files.ts'
import { ownExecutable } from '../files/own-executable.ts'
import { formatBundleCheck, formatBundleInfo } from '../output/bundle-text.ts'
import { followRun } from './follow-run.ts'
import { selectedFiles, selectionOptions, sourceOptions } from './library-options.ts'
import { formatWritten } from './written-archive.ts'

/** Writes images, K3s and its installer to one file. */
export async function runKitCreate(cli: CliProcess, flags: KitCreateFlags, file: string, references: readonly string[]): Promise<void> {
  const { since, lock, splitSize, arch: architectures, airgapTarballs, selinux, installScript } = flags
  const executables = flags.executables ?? ownExecutable()
  await refuseSharedFiles(
    [file, lock, flags.report, flags.events],
    [...selectedFiles(flags), flags.registries, since, installScript, ...(selinux ?? [])],
  )
  const files = { architectures, airgapTarballs, selinux, executables, installScript }
  const { report, hasSummary } = await followRun(cli, flags, () =>
    createKit({
      file,
      since,
      lock,
      splitSize,
      ...files,
      ...sourceOptions(flags),
      ...selectionOptions(references, flags),
      signal: cli.signal,
    }),
  )
  const isWhole = report.totals.failed === 0 && report.files?.every(({ status }) => status !== 'failed') === true
  if (!hasSummary || !isWhole || report.interrupted === true) return
  cli.print(await formatWritten(file, flags))
  if (lock !== undefined) cli.print(`wrote ${safeLine(lock)}, for a later --since\n`)
}

/** Prints the content of a kit. */
export async function runKitInfo(cli: CliProcess, _flags: object, file: string): Promise<void> {
  const info = await describeKit(file, { signal: cli.signal })
  cli.show({ schemaVersion: 1, command: 'kit info', ...info }, (styles) => formatBundleInfo(info, styles))
}

/** Reads every byte of a kit, and prints the problems that it finds. */
export async function runKitCheck(cli: CliProcess, _flags: object, file: string): Promise<void> {
  const check = { schemaVersion: 1, command: 'kit check', file, ...(await checkKit(file, { signal: cli.signal })) }
  cli.show(check, (styles) => formatBundleCheck(check, styles))
  cli.exit(check.problems.length === 0 ? exitCodes.done : exitCodes.problemsFound)
}
