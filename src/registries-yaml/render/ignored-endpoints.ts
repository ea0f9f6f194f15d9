import { buildHostTable, withEmbeddedRegistry, type IgnoredEntry } from '../hosts/host-table.ts'
import type { K3sFlags } from '../hosts/k3s-flags.ts'
import type { Registries } from '../registries.ts'
import { withoutUserinfo } from './rendered.ts'

/** The line that K3s logs; its indices count the endpoint that `--embedded-registry` adds. */
function logLine({ mirrors }: Registries, added: (key: string) => number, { kind, key, index, why }: IgnoredEntry): string {
  const endpoint = index === undefined ? '' : ` ${added(key) + index}=${withoutUserinfo(mirrors.get(key)?.endpoints[index] ?? '')}`
  const host = withoutUserinfo(key)
  if (kind === 'invalid-host') return `Failed to generate config for registry ${host}: ${why}`
  if (kind === 'duplicate-endpoint') return `Skipping duplicate endpoint URL${endpoint} for ${host}`
  return `Ignoring invalid endpoint URL${endpoint} for ${host}: ${why}`
}

/** The warnings that K3s logs about ignored endpoints and keys when it starts, without credentials in URLs. */
export function describeIgnored(given: Registries, flags: K3sFlags): readonly string[] {
  const { mirrors } = withEmbeddedRegistry(given, flags)
  const count = (key: string, all: Registries['mirrors']): number => all.get(key)?.endpoints.length ?? 0
  const added = (key: string): number => count(key, mirrors) - count(key, given.mirrors)
  return buildHostTable(given, flags).ignored.map((entry) => logLine(given, added, entry))
}
