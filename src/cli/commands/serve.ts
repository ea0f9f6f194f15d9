import { option, type CommandDefinition } from '../options/option.ts'
import { verbosity, type OutputFlags } from '../options/output.ts'
import { parseListen } from '../options/values.ts'

/** What commander makes of the options of `serve`. */
export interface ServeFlags extends OutputFlags {
  readonly listen: ReturnType<typeof parseListen>
  readonly writable?: boolean
  readonly name?: string
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly htpasswd?: string
  readonly accessLog?: string
}

/** `k3s-mirror serve`. */
export const serve: CommandDefinition = {
  description:
    'a registry over an OCI layout or a bundle, until Ctrl-C or SIGTERM, which end it with exit code 0; / is a page for people, /metrics is for Prometheus',
  arguments: [
    ['<place>', 'a directory with a layout, or a new one with --writable where there is none; or a bundle, which is read as it is'],
  ],
  options: [
    option('--listen <host:port>', 'where to listen; without a host at every address, with port 0 at any free one', parseListen).default(
      { host: '127.0.0.1', port: 5000 },
      '127.0.0.1:5000',
    ),
    option('--writable', 'take pushes and deletions'),
    option('--name <repository[:tag]>', 'name images of a layout that have only a tag; with a tag also one without a name'),
    option('--tls-cert <file>', "the server's certificate and its chain, PEM: HTTPS alone is spoken, TLS 1.2 or later"),
    option('--tls-key <file>', 'its private key, PEM without a passphrase'),
    option('--htpasswd <file>', 'users and their bcrypt hashes: nothing but /healthz is answered without a password'),
    option('--access-log <file>', 'a line of JSON for every request, added to this file or, with "-", printed to standard output'),
    ...verbosity,
  ],
  examples: ['serve k3s.tar.zst', 'serve ./site --writable --listen :5000 --htpasswd users'],
}
