import type { Rule } from '../lint/rule.ts'

/** A second `---`, or other text after the end of the first document. */
export const secondDocument: Rule = {
  severity: 'warning',
  title: 'K3s reads only the first document of the file',
  about: `K3s reads the file up to a second \`---\`, or up to a line that begins to the left of the first key. It ignores the rest without a message.`,
  remark: ({ kind }, { parsed: { registries } }) => {
    if (kind !== 'unread-rest') return undefined
    const isFirstEmpty = registries.mirrors.size === 0 && registries.configs.size === 0
    return {
      message: `K3s ignores the file from this line on${isFirstEmpty ? ', and everything before it is empty' : ''}`,
      fix: 'write a single document: no --- in the middle, and every top-level key in the same column',
      severity: isFirstEmpty ? 'error' : 'warning',
    }
  },
}
