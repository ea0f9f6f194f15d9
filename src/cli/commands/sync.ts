import { inGroup, option, type CommandDefinition } from '../options/option.ts'
import { pipelineOutput, report, type OutputFlags } from '../options/output.ts'
import { credentials } from '../options/places.ts'
import { collect, parseWait, parseListen } from '../options/values.ts'

/** What commander makes of the options of `sync`. */
export interface SyncFlags extends OutputFlags {
  readonly config: string
  readonly only?: readonly string[]
  readonly check?: boolean
  readonly watch?: boolean
  /** Milliseconds. */
  readonly interval?: number
  readonly listen?: ReturnType<typeof parseListen>
  readonly detailedExitcode?: boolean
  readonly artifactUrl?: string
  readonly channelUrl?: string
  readonly report?: string
  readonly events?: string
}

/** `k3s-mirror sync`. */
export const sync: CommandDefinition = {
  description: 'mirror the selections of a file to their destinations',
  options: [
    ...inGroup('Configuration', [
      option('--config <file>', 'YAML with selections and destinations (- for stdin)').makeOptionMandatory(),
      option('--only <name>', 'only this entry of the file', collect),
      option('--artifact-url <url>', 'mirror of the release files, for all entries').env('INSTALL_K3S_ARTIFACT_URL'),
      option('--channel-url <url>', 'channel server, for all entries').env('INSTALL_K3S_CHANNEL_URL'),
    ]),
    ...inGroup('Runs', [
      option('--check', 'report what differs, copy nothing'),
      option('--watch', 'repeat until SIGTERM, never two runs at once'),
      option('--interval <duration>', 'with --watch: time between runs, as in 30m', parseWait).default(undefined, '1h'),
      option('--listen <host:port>', 'with --watch: serve /healthz and /metrics', parseListen),
      option('--detailed-exitcode', 'exit with 5 if something changed, or with --check differs'),
    ]),
    ...pipelineOutput,
    ...report,
    ...inGroup('Output', [option('--events <file|->', 'write each event as a line of JSON (- for stdout)')]),
  ],
  examples: ['sync --config sync.yaml', 'sync --config sync.yaml --check', 'sync --config sync.yaml --watch --interval 30m --listen :9090'],
  sections: [
    [
      'Configuration',
      'Options in the file have the names of the library in camelCase, as in ifChanged. schemas/sync-config.schema.json describes it. SIGHUP reads it again.',
    ],
    ...credentials,
    [
      'Exit codes',
      '0 done, 1 something failed, 2 invalid file or input, 3 integrity error, 5 see --detailed-exitcode, 6 no entry could begin, 130 or 143 interrupted. --watch ends with 0.',
    ],
  ],
}
