import type { Registries, RegistryAuth } from '../registries.ts'
import { goQuote } from './go-quote.ts'
import { layOut } from './hosts-toml.ts'

/** The version of containerd's configuration file: 3 for containerd 2, 2 for containerd 1. */
export type ConfigVersion = 2 | 3

/** Where K3s has containerd look for hosts.toml files. */
export const certsDirectory = '/var/lib/rancher/k3s/agent/etc/containerd/certs.d'

const plugins: Readonly<Record<ConfigVersion, { readonly registry: string; readonly quote: string }>> = {
  2: { registry: `plugins."io.containerd.grpc.v1.cri".registry`, quote: '"' },
  3: { registry: `plugins.'io.containerd.cri.v1.images'.registry`, quote: "'" },
}

/** The fields of a configured auth, in K3s' order. */
export function authLines({ username, password, auth, identityToken }: RegistryAuth): string[] {
  return Object.entries({ username, password, auth, identitytoken: identityToken })
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `  ${name} = ${goQuote(value)}`)
}

/** The registry section of the config.toml that K3s writes: where hosts.toml files are, and all credentials, keys in order. */
export function renderRegistrySection({ configs }: Registries, version: ConfigVersion, directory: string = certsDirectory): string {
  const { registry, quote } = plugins[version]
  const sections = [...configs]
    .toSorted(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .flatMap(([key, { auth }]) => (auth === undefined ? [] : [`[${registry}.configs.${quote}${key}${quote}.auth]`, ...authLines(auth)]))
  return layOut([`[${registry}]`, `  config_path = "${directory}"`, ...sections].join('\n')).trimStart()
}
