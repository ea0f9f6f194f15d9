import { meantKey } from '../lint/key-fault.ts'
import type { Rule } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

/** `https://` before a key. */
export const keyWithScheme: Rule = {
  title: 'A key with a scheme',
  about: `The keys of \`mirrors\` and \`configs\` are \`host[:port]\` as images name them. For a key with a scheme K3s makes the directory
\`certs.d/https:/registry.example.com\`, in which containerd never looks; credentials below it are sent to nobody. The scheme belongs to an endpoint.`,
  isPerSection: true,
  key: ({ section, key, fault }) => {
    if (fault !== 'scheme') return undefined
    const message = `the key ${shown(key)} of ${section} has a scheme and matches no registry`
    return { message, fix: `Write ${shown(meantKey(key, section))}.` }
  },
}
