import { quoted, escaped } from '../../text/printable.ts'
import { replacementFaults, type ReplacementFault } from '../lint/replacement-groups.ts'
import type { Rule } from '../lint/rule.ts'

function describe({ kind, meant }: ReplacementFault, isToml: boolean): readonly [message: string, fix: string] {
  switch (kind) {
    case 'long-name':
      return [
        'is parsed as one group name, which the pattern does not have, so it is replaced by an empty string',
        `write ${escaped(meant ?? '')}`,
      ]
    case 'no-group':
      return [
        'is a group that the pattern does not have: it is replaced by nothing',
        'put a part of the pattern in parentheses, or write another group',
      ]
    case 'bare-dollar':
      return [
        'is not a capture group, so the rewritten repository name is invalid',
        meant === undefined ? 'write $1, or ${name}' : `write ${meant} for the whole match`,
      ]
    case 'backslash':
      return [
        isToml
          ? 'is not a capture group, so the rewritten repository name is invalid'
          : 'is not a capture group and makes the hosts.toml invalid: containerd ignores the whole mirror',
        `write ${meant ?? '$1'}`,
      ]
  }
}

/** A replacement that names a group which does not exist. */
export const rewriteGroup: Rule = {
  title: 'A replacement names a group that does not exist',
  about: `In a replacement \`$1\` or \`\${1}\` is the first capture group of the pattern, and \`$0\` is the whole match. A group name includes all letters, digits and
underscores that follow: \`$1x\` and \`$1_y\` are groups named \`1x\` and \`1_y\`. A group that does not exist is replaced by nothing. Go does not support \`\\1\` and
\`$&\`.`,
  rewrite: ({ read, regexp, isToml }) => {
    const [fault] = regexp === undefined ? [] : replacementFaults(regexp, read.replacement)
    if (fault === undefined) return undefined
    const [why, fix] = describe(fault, isToml)
    return { message: `in the replacement ${quoted(read.replacement)}, ${quoted(fault.text)} ${why}`, fix }
  },
}
