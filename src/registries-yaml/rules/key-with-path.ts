import { meantKey } from '../lint/key-fault.ts'
import type { Rule } from '../lint/rule.ts'
import { writtenKeys } from '../lint/written-places.ts'
import { shown } from '../shown-text.ts'

/** A key that goes on behind the host. */
export const keyWithPath: Rule = {
  id: 'key-with-path',
  severity: 'error',
  title: 'A key with a path',
  about: `The keys of \`mirrors\` and \`configs\` are \`host[:port]\`, compared as a whole. \`docker.io/library\` matches no image: a mirror is for a whole
registry, and so are credentials. What a mirror does with some of the repositories only is said by the patterns of its \`rewrite\`.`,
  *check(context) {
    for (const { section, key, position, fault } of writtenKeys(context)) {
      if (fault !== 'path') continue
      const meant = meantKey(key, section)
      const host = /^\.*$/.test(meant) ? 'the host, with its port' : shown(meant)
      const more = section === 'mirrors' ? '; a pattern of its rewrite can single out repositories' : ''
      yield {
        position,
        message: `the key ${shown(key)} of ${section} has a path and matches no registry`,
        fix: `Write ${host}${more}.`,
      }
    }
  },
}
