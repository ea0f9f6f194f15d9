import { meantKey } from '../lint/key-fault.ts'
import type { Rule } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

/** A key that is not all lower case. */
export const keyUpperCase: Rule = {
  title: 'A key with upper case',
  about: `Keys are compared exactly, and images name registries in lower case: \`mirrors."Docker.io"\` is no mirror of docker.io. A key of \`configs\` may have
upper case where an endpoint is written in the same way; that is not reported.`,
  isPerSection: true,
  key: ({ section, key, fault }, { usedKeys }) => {
    if (fault !== 'upper-case' || (section === 'configs' && usedKeys.has(key))) return undefined
    const message = `the key ${shown(key)} of ${section} has upper case and matches no registry`
    return { message, fix: `Write ${shown(meantKey(key, section))}.` }
  },
}
