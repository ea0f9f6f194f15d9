import type { Rule } from '../rule.ts'

/** A key that occurs twice in one mapping. */
export const duplicateKey: Rule = {
  id: 'duplicate-key',
  severity: 'error',
  title: 'A key occurs twice',
  about: `K3s takes the last of several equal keys and says nothing. Of a mirror that is written twice the endpoints of the first are gone.`,
  *check({ parsed }) {
    for (const remark of parsed.remarks) {
      if (remark.kind !== 'duplicate-key') continue
      const key = String(remark.path.at(-1))
      yield {
        position: remark.position,
        message: `"${key}" is here a second time, after line ${remark.first.line}; the last one counts`,
        fix: `Write "${key}" once, with everything that belongs to it.`,
      }
    }
  },
}
