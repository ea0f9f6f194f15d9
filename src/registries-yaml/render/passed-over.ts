import { buildHostTable, withEmbeddedRegistry, type PassedOver } from '../hosts/host-table.ts'
import type { Registries } from '../registries.ts'
import { withoutUserinfo } from './rendered.ts'

function sentence({ mirrors }: Registries, { kind, key, index, why }: PassedOver): string {
  const endpoint = index === undefined ? '' : ` ${index}=${withoutUserinfo(mirrors.get(key)?.endpoints[index] ?? '')}`
  const host = withoutUserinfo(key)
  switch (kind) {
    case 'invalid-endpoint':
      return `Ignoring invalid endpoint URL${endpoint} for ${host}: ${why}`
    case 'duplicate-endpoint':
      return `Skipping duplicate endpoint URL${endpoint} for ${host}`
    case 'invalid-host':
      return `Failed to generate config for registry ${host}: ${why}`
  }
}

/** What K3s logs about a registries.yaml when it starts, without users and passwords of URLs. */
export function describePassedOver(given: Registries, embeddedRegistry: boolean): readonly string[] {
  const registries = embeddedRegistry ? withEmbeddedRegistry(given) : given
  return buildHostTable(given, { embeddedRegistry }).passedOver.map((passedOver) => sentence(registries, passedOver))
}
