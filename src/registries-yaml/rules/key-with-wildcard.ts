import type { Rule } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

/** A `*` that is only a part of a key. */
export const keyWithWildcard: Rule = {
  title: 'A key that is a pattern',
  about: `The one wildcard is the key \`"*"\` alone, for every registry without an entry of its own. In a longer key the asterisk is an ordinary character:
\`"*.example.com"\` matches no registry.`,
  isPerSection: true,
  key: ({ section, key, fault }) => {
    if (fault !== 'pattern') return undefined
    const fix = section === 'mirrors' ? 'Name every registry, or write "*" alone for all.' : 'Name every host.'
    return { message: `the key ${shown(key)} of ${section} is no pattern for K3s and matches no registry`, fix }
  },
}
