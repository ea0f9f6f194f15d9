import { meantKey } from '../lint/key-fault.ts'
import type { Rule } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

/** A key that goes on behind the host. */
export const keyWithPath: Rule = {
  title: 'A key with a path',
  about: `The keys of \`mirrors\` and \`configs\` are \`host[:port]\`, compared as a whole. \`docker.io/library\` matches no image: a mirror is for a whole
registry, and so are credentials. What a mirror does with some of the repositories only is said by the patterns of its \`rewrite\`.`,
  isPerSection: true,
  key: ({ section, key, fault }) => {
    if (fault !== 'path') return undefined
    const meant = meantKey(key, section)
    const host = /^\.*$/.test(meant) ? 'the host, with its port' : shown(meant)
    const more = section === 'mirrors' ? '; a pattern of its rewrite can single out repositories' : ''
    return { message: `the key ${shown(key)} of ${section} has a path and matches no registry`, fix: `Write ${host}${more}.` }
  },
}
