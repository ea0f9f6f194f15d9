import { refusals } from '../lint/refusals.ts'
import type { Rule } from '../lint/rule.ts'

/** `"true"` in quotes. */
export const quotedBoolean: Rule = {
  title: 'A boolean in quotes',
  about: `In quotes \`"true"\` is a string, and K3s does not start with a string as \`insecure_skip_verify\`. Without quotes \`true\`, \`yes\` and \`on\` are
the same, and so are \`false\`, \`no\` and \`off\`.`,
  check: (context) => refusals(context, 'quoted-boolean', () => 'Remove the quotes.'),
}
