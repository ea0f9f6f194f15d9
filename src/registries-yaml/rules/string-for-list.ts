import { refusals } from '../lint/refusals.ts'
import type { Rule } from '../lint/rule.ts'

/** An endpoint that is not a list. */
export const stringForList: Rule = {
  title: 'A single value instead of a list',
  about: '`endpoint` must be a list, even with a single endpoint. K3s does not start with `endpoint: "https://registry.example.com"`.',
  check: (context) => refusals(context, 'string-for-list', () => 'write it on the next line, after "- "', 'list'),
}
