import { quoted } from '../../text/printable.ts'
import { wildcardHost } from '../hosts/host-table.ts'
import { hasFeature } from '../k3s-features.ts'
import type { LintContext, WrittenRewrite } from '../lint/context.ts'
import type { Rule, Discovery } from '../lint/rule.ts'
import { readTomlText } from '../lint/toml-text.ts'
import { shown } from '../shown-text.ts'

const insteadOf: Record<string, string> = { '\\d': '[0-9]', '\\w': '[0-9A-Za-z_]', '\\s': '[ ]', '\\S': '[^ ]', '\\A': '^', '\\z': '$' }

/** The first token that makes a TOML string invalid: an unknown escape, a quote, or a control character. https://toml.io/en/v1.0.0#string */
function culprit(text: string): string | undefined {
  const tokens = text.match(/\\u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8}|\\[^]?|[^]/gu) ?? []
  return tokens.find((token) => !/^(?:\\(?:u....|U.{8}|["\\bfnrt])|[^"\\\p{Cc}]|\t)$/u.test(token))
}

function suggest(token: string | undefined): string {
  if (token === undefined) return 'write it without quotes and backslashes'
  const instead =
    insteadOf[token] ?? (/^\\[-/_]$/.test(token) ? token.slice(1) : /^\\[.*+?()[\]{}|$]$/.test(token) ? `[${token.slice(1)}]` : undefined)
  if (instead !== undefined) return `write ${instead} instead of ${token}`
  return token.startsWith('\\') ? 'write a character class instead of the escape' : 'remove it, because no repository name contains it'
}

function judge(context: LintContext, rewrite: WrittenRewrite, what: 'pattern' | 'replacement'): Discovery | undefined {
  const { mirror, position } = rewrite
  // The rule rewrite-group reports a group that is written \1.
  const text =
    what === 'pattern' ? rewrite.pattern : rewrite.replacement.replace(/\\([^])/g, (escape, c: string) => (/[0-9]/.test(c) ? '' : escape))
  const read = readTomlText(`"${text}"`)
  if (read === text) return undefined
  const file = hasFeature(context.version, 'hosts-toml') ? 'hosts.toml' : 'config.toml'
  const intro = `K3s writes the ${what} ${quoted(rewrite[what])} into the ${file} without escaping it, `
  if (read === undefined) {
    const token = culprit(text)
    const effect = file === 'hosts.toml' ? `containerd ignores the whole mirror ${shown(mirror)}` : 'containerd does not start'
    const cause = token === undefined ? '' : ` because of ${token === '"' ? 'the quote' : quoted(token)}`
    return { position, message: `${intro}and the file becomes invalid TOML${cause}: ${effect}`, fix: suggest(token) }
  }
  const areDoubled = !text.replaceAll('\\\\', '').includes('\\')
  return {
    position,
    severity: areDoubled ? 'info' : 'error',
    message: `${intro}so containerd reads ${quoted(read)}`,
    fix: areDoubled ? 'write a character class such as [.], which needs no backslash' : 'write a character class instead of the escape',
  }
}

/** Quotes, backslashes and control characters in a rewrite. */
export const rewriteEscapes: Rule = {
  title: 'Backslashes or quotes in a rewrite',
  about: `K3s writes patterns and replacements into the hosts.toml without escaping them. \`\\.\`, \`\\d\`, \`\\w\` or a quote make the file invalid TOML. containerd
logs an error, ignores the file and pulls from the registry itself. Escapes of TOML change the pattern: \`\\b\` becomes a backspace, \`\\t\` a tab. A double backslash
becomes a single one. Write \`[.]\` for a dot and \`[0-9]\` for a digit.`,
  *check(context) {
    for (const [mirror, rewrites] of context.rewrites) {
      const host = context.table.hosts.get(mirror === '*' ? wildcardHost : mirror)
      if (host?.endpoints.every((endpoint) => endpoint.rewrites.size === 0) !== false) continue
      for (const rewrite of rewrites) yield judge(context, rewrite, 'pattern') ?? judge(context, rewrite, 'replacement')
    }
  },
}
