import { refusals } from '../lint/refusals.ts'
import type { Rule } from '../lint/rule.ts'

/** YAML that K3s' parser rejects. */
export const syntax: Rule = {
  title: 'Invalid YAML',
  about: `K3s reads the file when it starts, on servers and agents, and exits if it cannot parse the file. The usual causes are tabs, a \`*\` without quotes, and
uneven indentation.`,
  check: (context) => refusals(context, 'syntax', () => 'correct this line or the one before it'),
}
