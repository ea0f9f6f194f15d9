import { quoted, escaped } from '../../text/printable.ts'
import { replacementFaults, type ReplacementFault } from '../lint/replacement-groups.ts'
import type { Rule } from '../lint/rule.ts'

function describe({ kind, meant }: ReplacementFault, isToml: boolean): readonly [message: string, fix: string] {
  switch (kind) {
    case 'long-name':
      return ['is a group of that whole name, which the pattern does not have: it becomes nothing', `Write ${escaped(meant ?? '')}.`]
    case 'no-group':
      return [
        'is a group that the pattern does not have: it becomes nothing',
        'Put a part of the pattern in parentheses, or name another group.',
      ]
    case 'bare-dollar':
      return [
        'is no group: the "$" stays in the name, which is none of a repository then',
        meant === undefined ? 'Write $1, or ${name}.' : `Write ${meant} for the whole match.`,
      ]
    case 'backslash':
      return [
        isToml
          ? 'is no group: it stays in the name, which is none of a repository then'
          : 'is no group, and as K3s does not escape it the hosts.toml is no TOML: containerd passes over the whole mirror',
        `Write ${meant ?? '$1'}.`,
      ]
  }
}

/** A replacement that names a group which does not exist. */
export const rewriteGroup: Rule = {
  title: 'A replacement names a group that does not exist',
  about: `In a replacement \`$1\` or \`\${1}\` is the first group of the pattern and \`$0\` the whole match. A name goes on as long as
letters, digits and underscores follow: \`$1x\` and \`$1_y\` are groups called \`1x\` and \`1_y\`. A group that does not exist is replaced
by nothing. \`\\1\` and \`$&\` of other languages do not exist.`,
  rewrite: ({ read, regexp, isToml }) => {
    const [fault] = regexp === undefined ? [] : replacementFaults(regexp, read.replacement)
    if (fault === undefined) return undefined
    const [why, fix] = describe(fault, isToml)
    return { message: `in the replacement ${quoted(read.replacement)} ${quoted(fault.text)} ${why}`, fix }
  },
}
