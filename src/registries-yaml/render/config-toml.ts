import { goQuote } from '../go/go-quote.ts'
import type { Registries } from '../registries.ts'
import { layOut } from './lay-out.ts'
import { authFields, byKey } from './rendered.ts'

/** The version of containerd's configuration file: 3 for containerd 2, 2 for containerd 1. */
export type ConfigVersion = 2 | 3

/** Where K3s has containerd look for hosts.toml files. */
export const certsDirectory = '/var/lib/rancher/k3s/agent/etc/containerd/certs.d'

const plugins: Readonly<Record<ConfigVersion, { readonly registry: string; readonly quote: string }>> = {
  2: { registry: `plugins."io.containerd.grpc.v1.cri".registry`, quote: '"' },
  3: { registry: `plugins.'io.containerd.cri.v1.images'.registry`, quote: "'" },
}

/** The registry section of the config.toml that K3s writes: where hosts.toml files are, and all credentials, keys in order. */
export function renderRegistrySection({ configs }: Registries, version: ConfigVersion): string {
  const { registry, quote } = plugins[version]
  const sections = byKey(configs).flatMap(([key, { auth }]) => {
    if (auth === undefined) return []
    // The key is written as it is, whatever TOML makes of it.
    return [
      `[${registry}.configs.${quote}${key}${quote}.auth]`,
      ...[...authFields(auth)].map(([name, value]) => `  ${name} = ${goQuote(value)}`),
    ]
  })
  return layOut([`[${registry}]`, `  config_path = ${goQuote(certsDirectory)}`, ...sections].join('\n')).trimStart()
}
