import { meantKey } from '../lint/key-fault.ts'
import type { Rule } from '../lint/rule.ts'
import { writtenEndpoints, writtenKeys } from '../lint/written-places.ts'
import { shown } from '../shown-text.ts'

/** A key that is not all lower case. */
export const keyUpperCase: Rule = {
  id: 'key-upper-case',
  severity: 'error',
  title: 'A key with upper case',
  about: `Keys are compared exactly, and images name registries in lower case: \`mirrors."Docker.io"\` is no mirror of docker.io. A key of \`configs\` may have
upper case where an endpoint is written in the same way; that is not reported.`,
  *check(context) {
    const used = new Set(writtenEndpoints(context).map(({ found }) => found.key))
    for (const { section, key, position, fault } of writtenKeys(context)) {
      if (fault !== 'upper-case' || (section === 'configs' && used.has(key))) continue
      yield {
        position,
        message: `the key ${shown(key)} of ${section} has upper case and matches no registry`,
        fix: `Write ${shown(meantKey(key, section))}.`,
      }
    }
  },
}
