import { loadBundle } from '../../runs/load-bundle.ts'
import type { CliProcess } from '../cli-process.ts'
import type { LoadFlags } from '../commands/bundle/load.ts'
import { refuseSharedFiles } from '../files/output-files.ts'
import { followRun } from './follow-run.ts'
import { dockerConfigDirectory } from './library-options.ts'

/** Loads the images of archives into a Docker Engine. */
export async function runBundleLoad(cli: CliProcess, flags: LoadFlags, files: readonly string[]): Promise<void> {
  const { include, exclude, name, dockerHost } = flags
  await refuseSharedFiles([flags.report, flags.events], files)
  const engine = { dockerHost, environment: process.env, dockerConfig: dockerConfigDirectory() }
  await followRun(cli, flags, () => loadBundle({ ...engine, files, include, exclude, name, signal: cli.signal }))
}
