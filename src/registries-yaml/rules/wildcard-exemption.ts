import { wildcardHost } from '../hosts/host-table.ts'
import { hasFeature } from '../k3s-features.ts'
import type { Rule } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

/** An empty entry beside `"*"`. */
export const wildcardExemption: Rule = {
  title: 'An empty entry exempts nothing from `"*"`',
  about: `An entry without endpoints, rewrites, credentials and TLS leaves no trace: K3s writes no \`hosts.toml\` for it, and the one for \`"*"\` applies. Before
January 2024 an empty mirror did keep a registry out of \`mirrors."*"\`. Today it takes an entry that says something: for example
\`tls: {insecure_skip_verify: false}\` under \`configs\`, which is what holds without it.`,
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
        fix: `Give ${shown(key)} endpoints of its own, or tls: {insecure_skip_verify: false} under configs, or remove the entry.`,
      }
    }
  },
}
