import { unreadableProblem } from '../lint/context.ts'
import type { Rule } from '../lint/rule.ts'

/** Reports that lint stopped at a syntax or type error. */
export const restNotChecked: Rule = {
  severity: 'info',
  title: 'The rest of the file was not checked',
  about: `A file with invalid YAML, or with a mapping where a string belongs, has no content that the other rules could check. Lint reports those errors and stops.
It continues after an endpoint that is not a list, and after a quoted boolean.`,
  check({ parsed }) {
    const problem = unreadableProblem(parsed)
    return [
      problem && {
        position: problem.position,
        message: 'the other rules were not checked, because K3s cannot read this file',
        fix: 'correct the errors, then run lint again',
      },
    ]
  },
}
