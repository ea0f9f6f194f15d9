import type { Rule } from '../lint/rule.ts'

/** A second `---`, or anything else behind the end of the first document. */
export const secondDocument: Rule = {
  severity: 'warning',
  title: 'Only the first document of the file counts',
  about: `K3s reads the first document of the file: up to a second \`---\`, or to where a line begins to the left of the first key. It passes over the rest and
says nothing.`,
  remark: ({ kind }, { parsed: { registries } }) => {
    if (kind !== 'unread-rest') return undefined
    const isFirstEmpty = registries.mirrors.size === 0 && registries.configs.size === 0
    return {
      message: `for K3s the file ends before this line${isFirstEmpty ? ', and what it reads is empty' : ''}`,
      fix: 'Write everything as one document: no --- in the middle, and every top-level key in the same column.',
      severity: isFirstEmpty ? 'error' : 'warning',
    }
  },
}
