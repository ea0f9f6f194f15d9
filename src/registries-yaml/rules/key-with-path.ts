import { meantKey } from '../lint/key-fault.ts'
import { renameEdit } from '../lint/meant-name.ts'
import type { Rule } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

/** A key with more than the host. */
export const keyWithPath: Rule = {
  title: 'A key with a path',
  about: `The keys of \`mirrors\` and \`configs\` must be \`host[:port]\`, and match only as a whole. \`docker.io/library\` matches no image, because mirrors and
credentials apply to a whole registry. Use the patterns of \`rewrite\` for some of its repositories.`,
  isPerSection: true,
  key: (written, context) => {
    const { section, key, fault } = written
    if (fault !== 'path') return undefined
    const meant = meantKey(key, section)
    const host = /^\.*$/.test(meant) ? 'the host, with its port' : shown(meant)
    const more = section === 'mirrors' ? '; use a rewrite pattern to select repositories' : ''
    const message = `the key ${shown(key)} of ${section} has a path and never matches a registry`
    return { message, fix: `write ${host}${more}`, edit: renameEdit(written, context) }
  },
}
