import { inGroup, option, type CommandDefinition } from '../options/option.ts'
import { runFormats, runOutput, verbosity } from '../options/output.ts'
import { credentials, destinations, writeRegistries } from '../options/places.ts'
import { archived } from '../options/selection.ts'
import { parseSite } from '../options/values.ts'
import type { PushFlags } from './bundle.ts'
import { accessLogOption, listenOption, serverTls, type ServerFlags } from './serve.ts'

/** What commander makes of the options of `kit push`. */
export interface KitPushFlags extends PushFlags {
  readonly files?: string
}

/** `k3s-mirror kit push`. */
export const kitPush: CommandDefinition = {
  description: 'copy the images and files of kits to a registry or directory',
  arguments: [['<kit...>', 'kits, an earlier one before those made with --since']],
  options: [
    ...inGroup('Kit', [option('--files <directory>', 'where files go').default(undefined, 'the directory of --to oci:<directory>')]),
    ...archived,
    ...destinations,
    ...runFormats,
    ...runOutput,
    ...writeRegistries,
  ],
  examples: ['kit push k3s.kit.tar.zst --to oci:/srv/k3s', 'kit push k3s.kit.tar --to registry.example.com --files /srv/www'],
  sections: credentials,
}

/** What commander makes of the options of `kit serve`. */
export interface KitServeFlags extends ServerFlags {
  readonly url?: URL
  readonly caFile?: string
  readonly protectFiles?: boolean
}

/** `k3s-mirror kit serve`. */
export const kitServe: CommandDefinition = {
  description: 'serve a kit: a registry, and the files that install K3s',
  arguments: [['<place>', 'a kit, or a directory that kit push wrote']],
  options: [
    ...inGroup('Server', [
      listenOption,
      option('--url <url>', 'address in commands and registries.yaml', parseSite).default(undefined, 'as requested'),
      ...serverTls,
      option('--ca-file <file>', 'CA of the certificate, for nodes that do not trust it'),
      option('--htpasswd <file>', 'users with bcrypt hashes, required for images'),
      option('--protect-files', 'require the password of --htpasswd for files too'),
      accessLogOption,
    ]),
    ...verbosity,
  ],
  sections: [['Pages', '/ has the commands for nodes: install.sh, k3s/<tag>/, registries.yaml and channels/<name> are what they fetch']],
  examples: ['kit serve k3s.kit.tar.zst --listen :5000', 'kit serve /srv/k3s --listen :443 --tls-cert s.crt --tls-key s.key'],
}
