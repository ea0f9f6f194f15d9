import { wildcardHost } from '../hosts/host-table.ts'
import { hasFeature } from '../k3s-features.ts'
import type { Rule } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

/** An empty entry next to `"*"`. */
export const wildcardExemption: Rule = {
  title: 'An empty entry does not exempt a registry from `"*"`',
  about: `K3s writes no \`hosts.toml\` for an entry without endpoints, rewrites, credentials and TLS, so \`"*"\` applies. Before January 2024 an empty mirror did exempt a
registry from \`mirrors."*"\`. Today the entry needs a setting, for example the default \`tls: {insecure_skip_verify: false}\` under \`configs\`.`,
  *check({ table, version, keys, usedKeys }) {
    if (!table.hosts.has(wildcardHost) || !hasFeature(version, 'hosts-toml')) return
    const reported = new Set<string>()
    for (const { section, key, position, fault } of keys) {
      if (key === '*' || fault !== undefined || table.hosts.has(key) || reported.has(key)) continue
      if (section === 'configs' && usedKeys.has(key)) continue
      reported.add(key)
      yield {
        position,
        message: `the empty entry for ${shown(key)} does not exempt it from "*"`,
        fix: `add endpoints, or write tls: {insecure_skip_verify: false} for ${shown(key)} under configs, or remove the entry`,
      }
    }
  },
}
