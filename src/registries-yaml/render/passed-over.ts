import { buildHostTable, withEmbeddedRegistry, type PassedOver } from '../hosts/host-table.ts'
import type { Registries } from '../registries.ts'
import { withoutUserinfo } from './rendered.ts'

/** K3s counts an endpoint that `--embedded-registry` has put before the others. */
function sentence({ mirrors }: Registries, added: (key: string) => number, { kind, key, index, why }: PassedOver): string {
  const endpoint = index === undefined ? '' : ` ${added(key) + index}=${withoutUserinfo(mirrors.get(key)?.endpoints[index] ?? '')}`
  const host = withoutUserinfo(key)
  if (kind === 'invalid-host') return `Failed to generate config for registry ${host}: ${why}`
  if (kind === 'duplicate-endpoint') return `Skipping duplicate endpoint URL${endpoint} for ${host}`
  return `Ignoring invalid endpoint URL${endpoint} for ${host}: ${why}`
}

/** What K3s logs about a registries.yaml when it starts, without users and passwords of URLs. */
export function describePassedOver(given: Registries, embeddedRegistry: boolean): readonly string[] {
  const { mirrors } = embeddedRegistry ? withEmbeddedRegistry(given) : given
  const count = (key: string, all: Registries['mirrors']): number => all.get(key)?.endpoints.length ?? 0
  const added = (key: string): number => count(key, mirrors) - count(key, given.mirrors)
  return buildHostTable(given, { embeddedRegistry }).passedOver.map((passedOver) => sentence(given, added, passedOver))
}
