import { meantKey } from '../lint/key-fault.ts'
import type { Rule } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

/** A key with upper-case letters. */
export const keyUpperCase: Rule = {
  title: 'A key with upper-case letters',
  about: `Keys are case-sensitive, and images name registries in lower case. So \`mirrors."Docker.io"\` is not a mirror of docker.io: it matches only images that are
written \`Docker.io/…\`. A key of \`configs\` with upper-case letters is not reported if an endpoint is written the same way.`,
  isPerSection: true,
  key: ({ section, key, fault }, { usedKeys }) => {
    if (fault !== 'upper-case' || (section === 'configs' && usedKeys.has(key))) return undefined
    const message = `the key ${shown(key)} of ${section} has upper-case letters, and never matches a registry that images name in lower case`
    return { message, fix: `write ${shown(meantKey(key, section))}` }
  },
}
