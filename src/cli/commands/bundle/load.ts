import type { Command } from 'commander'
import type { CliProcess } from '../../cli-process.ts'
import type { EngineFlags } from '../../options/engine.ts'
import { refuseSharedFiles } from '../../options/output-files.ts'
import { addOutput, addRunOutput, type OutputFlags } from '../../options/output.ts'
import { dockerConfigDirectory } from '../../options/places.ts'
import { addFilters, addName, type SelectionFlags } from '../../options/selection.ts'
import { openRunOutput } from '../run-output.ts'

type LoadFlags = Pick<SelectionFlags, 'include' | 'exclude' | 'name'> & Pick<EngineFlags, 'dockerHost'> & OutputFlags

/** Adds `k3s-mirror bundle load`. */
export function addBundleLoadCommand(parent: Command, cli: CliProcess): void {
  const command = parent
    .command('load')
    .description('load the images of archives into a Docker Engine, for its own platform')
    .argument('<file...>', 'what bundle push takes')
    .option('--docker-host <address>', "where the Engine is, as in DOCKER_HOST (default: where Docker's own command line finds it)")
  addRunOutput(addOutput(addName(addFilters(command)))).action(async (files: string[], flags: LoadFlags) => {
    await refuseSharedFiles([flags.report, flags.events], files)
    const output = await openRunOutput(flags, cli)
    const { include, exclude, name, dockerHost } = flags
    const place = { dockerHost, environment: process.env, dockerConfig: dockerConfigDirectory() }
    const { loadBundle } = await import('../../../runs/load-bundle.ts')
    const report = await output.follow(loadBundle({ ...place, files, include, exclude, name, signal: cli.signal }))
    output.print(report)
    await output.finish(report)
  })
}
