import type { Rule } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

/** A `*` within a longer key. */
export const keyWithWildcard: Rule = {
  title: 'A key that is a pattern',
  about: `The only wildcard is the key \`"*"\`, which applies to every registry without its own entry. In a longer key the asterisk is an ordinary character:
\`"*.example.com"\` matches no registry.`,
  isPerSection: true,
  key: ({ section, key, fault }) => {
    if (fault !== 'pattern') return undefined
    const fix = section === 'mirrors' ? 'write one entry for each registry, or "*" for all registries' : 'write one entry for each host'
    return { message: `the key ${shown(key)} of ${section} contains "*" and never matches a registry: K3s has no patterns`, fix }
  },
}
