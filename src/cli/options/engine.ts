import { option, type OptionGroup } from './option.ts'

/** What commander makes of the options about a Docker Engine. */
export interface EngineFlags {
  readonly via?: 'registry' | 'docker'
  readonly dockerHost?: string
  readonly keep?: boolean
}

/** `--via` and `--docker-host`. */
export const engine: OptionGroup = [
  option('--via <path>', 'registry: over HTTP; docker: a Docker Engine pulls, tags and pushes (default: registry)').choices([
    'registry',
    'docker',
  ]),
  option(
    '--docker-host <address>',
    "with --via docker: where the Engine is, as in DOCKER_HOST (default: where Docker's own command line finds it)",
  ),
]
