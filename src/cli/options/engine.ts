import { Option, type Command } from 'commander'
import { MirrorError } from '../../errors.ts'
import type { MirrorOptions } from '../../runs/options.ts'

/** What commander makes of the options about a Docker Engine. */
export interface EngineFlags {
  readonly via?: 'registry' | 'docker'
  readonly dockerHost?: string
  readonly keep?: boolean
}

/** Adds `--via` and `--docker-host`. */
export function addEngine(command: Command): Command {
  return command
    .addOption(
      new Option('--via <path>', 'registry: over HTTP; docker: a Docker Engine pulls, tags and pushes (default: registry)').choices([
        'registry',
        'docker',
      ]),
    )
    .option(
      '--docker-host <address>',
      "with --via docker: where the Engine is, as in DOCKER_HOST (default: where Docker's own command line finds it)",
    )
}

/** Adds `--keep`. */
export function addKeep(command: Command): Command {
  return command.option('--keep', 'with --via docker: leave in the Engine what was pulled')
}

/** The library's options for the flags. Throws USAGE for one that needs an Engine where none is used. */
export function engineOptions({ via, dockerHost, keep }: EngineFlags): Pick<MirrorOptions, 'via' | 'dockerHost' | 'keep'> {
  const [needless] = [...(dockerHost === undefined ? [] : ['--docker-host']), ...(keep === true ? ['--keep'] : [])]
  if (via !== 'docker' && needless !== undefined) {
    throw new MirrorError('USAGE', `${needless} is about a Docker Engine, and none is used`, { hint: 'Add --via docker, or leave it out.' })
  }
  return { via, dockerHost, keep }
}
