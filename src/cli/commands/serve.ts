import { inGroup, option, type CliOption, type CommandDefinition } from '../options/option.ts'
import { verbosity, type OutputFlags } from '../options/output.ts'
import { parseGrace, parseListen } from '../options/values.ts'

/** What commander makes of the options of a server. */
export interface ServerFlags extends OutputFlags {
  readonly listen: ReturnType<typeof parseListen>
  readonly name?: string
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly htpasswd?: string
  readonly accessLog?: string
}

/** What commander makes of the options of `serve`. */
export interface ServeFlags extends ServerFlags {
  readonly writable?: boolean
  readonly gcGrace: number
  readonly gc: boolean
}

/** The address of a server. */
export const listenOption: CliOption = option(
  '--listen <host:port>',
  'address to listen on (:port for all, port 0 for any)',
  parseListen,
).default({ host: '127.0.0.1', port: 5000 }, '127.0.0.1:5000')

/** HTTPS of a server. */
export const serverTls: readonly CliOption[] = [
  option('--tls-cert <file>', 'certificate chain in PEM, to serve HTTPS only'),
  option('--tls-key <file>', 'private key in PEM, without a passphrase'),
]

/** The log of a server. */
export const accessLogOption: CliOption = option('--access-log <file|->', 'append a line of JSON for each request (- for stdout)')

/** `k3s-mirror serve`. */
export const serve: CommandDefinition = {
  description: 'serve an OCI layout or a bundle as a registry',
  arguments: [['<place>', 'a bundle, or the directory of a layout (new with --writable)']],
  options: [
    ...inGroup('Server', [
      listenOption,
      option('--writable', 'accept pushes and deletions'),
      option('--gc-grace <duration>', 'how long --writable keeps content without a tag', parseGrace).default(3_600_000, '1h'),
      option('--no-gc', 'keep content that no tag reaches, with --writable'),
      option('--name <repository[:tag]>', 'name for images of a layout without a name'),
      ...serverTls,
      option('--htpasswd <file>', 'users with bcrypt hashes, required for all but /healthz'),
      accessLogOption,
    ]),
    ...verbosity,
  ],
  sections: [['Pages', '/ describes the images and the registries.yaml for nodes, /metrics is for Prometheus, /healthz for probes']],
  examples: ['serve k3s.tar.zst', 'serve ./site --writable --listen :5000 --htpasswd users'],
}
