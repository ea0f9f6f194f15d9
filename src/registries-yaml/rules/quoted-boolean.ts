import { refusals } from '../lint/refusals.ts'
import type { Rule } from '../lint/rule.ts'

/** `"true"` in quotes. */
export const quotedBoolean: Rule = {
  title: 'A boolean in quotes',
  about: `\`"true"\` in quotes is a string, and K3s does not start if \`insecure_skip_verify\` is a string. Without quotes \`true\`, \`yes\` and \`on\` are
the same, and so are \`false\`, \`no\` and \`off\`.`,
  check: (context) => refusals(context, 'quoted-boolean', () => 'remove the quotes', 'unquote'),
}
