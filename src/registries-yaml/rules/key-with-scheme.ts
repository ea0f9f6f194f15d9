import { meantKey } from '../lint/key-fault.ts'
import { renameEdit } from '../lint/meant-name.ts'
import type { Rule } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

/** `https://` before a key. */
export const keyWithScheme: Rule = {
  title: 'A key with a scheme',
  about: `The keys of \`mirrors\` and \`configs\` must be \`host[:port]\`, as in the names of images. For a key with a scheme K3s creates the directory
\`certs.d/https:/registry.example.com\`, which containerd never reads. containerd never sends credentials under such a key. Only endpoints have a scheme.`,
  isPerSection: true,
  key: (written, context) => {
    const { section, key, fault } = written
    if (fault !== 'scheme') return undefined
    const message = `the key ${shown(key)} of ${section} has a scheme and never matches a registry`
    return { message, fix: `write ${shown(meantKey(key, section))}`, edit: renameEdit(written, context) }
  },
}
