import type { Rule } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

/** A `*` that is only a part of a key. */
export const keyWithWildcard: Rule = {
  id: 'key-with-wildcard',
  severity: 'error',
  title: 'A key that is a pattern',
  about: `The one wildcard is the key \`"*"\` alone, for every registry without an entry of its own. In a longer key the asterisk is an ordinary character:
\`"*.example.com"\` matches no registry.`,
  isPerSection: true,
  check: ({ keys }) =>
    keys
      .filter(({ fault }) => fault === 'pattern')
      .map(({ section, key, position }) => ({
        position,
        message: `the key ${shown(key)} of ${section} is no pattern for K3s and matches no registry`,
        fix: section === 'mirrors' ? 'Name every registry, or write "*" alone for all.' : 'Name every host.',
      })),
}
