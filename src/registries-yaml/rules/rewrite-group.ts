import { quoted, escaped } from '../../text/printable.ts'
import { replacementFaults, type ReplacementFault } from '../lint/replacement-groups.ts'
import type { Rule, Discovery } from '../lint/rule.ts'

function describe({ kind, text, meant }: ReplacementFault, isToml: boolean): Pick<Discovery, 'message' | 'fix'> {
  const shownText = quoted(text)
  switch (kind) {
    case 'long-name':
      return {
        message: `${shownText} is a group of that whole name, which the pattern does not have: it becomes nothing`,
        fix: `Write ${escaped(meant ?? '')}.`,
      }
    case 'no-group':
      return {
        message: `${shownText} is a group that the pattern does not have: it becomes nothing`,
        fix: 'Put a part of the pattern in parentheses, or name another group.',
      }
    case 'bare-dollar':
      return {
        message: `${shownText} is no group: the "$" stays in the name, which is none of a repository then`,
        fix: meant === undefined ? 'Write $1, or ${name}.' : `Write ${meant} for the whole match.`,
      }
    case 'backslash':
      return {
        message: isToml
          ? `${shownText} is no group: it stays in the name, which is none of a repository then`
          : `${shownText} is no group, and as K3s does not escape it the hosts.toml is no TOML: containerd passes over the whole mirror`,
        fix: `Write ${meant ?? '$1'}.`,
      }
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
    const { message, fix } = describe(fault, isToml)
    return { message: `in the replacement ${quoted(read.replacement)} ${message}`, fix }
  },
}
