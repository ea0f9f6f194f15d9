import { refusals } from '../lint/refusals.ts'
import type { Rule } from '../lint/rule.ts'

/** An endpoint that is no list. */
export const stringForList: Rule = {
  title: 'A string where a list belongs',
  about:
    'The endpoints of a mirror are a list, even where there is only one. K3s does not start with `endpoint: "https://registry.example.com"`.',
  check: (context) => refusals(context, 'string-for-list', () => 'Put it on a line of its own below the key, with "- " before it.'),
}
