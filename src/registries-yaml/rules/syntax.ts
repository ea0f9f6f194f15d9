import { refusals } from '../lint/refusals.ts'
import type { Rule } from '../lint/rule.ts'

/** Something that is not YAML as K3s' parser has it. */
export const syntax: Rule = {
  title: 'The file is not YAML',
  about: `An agent reads the file once, when it starts, and ends if it cannot be parsed; a server is an agent too. The usual causes are tabs, a \`*\` that
is not in quotes, and indentation that does not line up.`,
  check: (context) => refusals(context, 'syntax', () => 'Correct this line, or the one before it.'),
}
