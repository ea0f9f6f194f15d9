import { quoted } from '../../text/printable.ts'
import { tryParseGoRegexp } from '../go/go-regexp.ts'
import type { TextLanguage } from '../go/text-language.ts'
import { oncePerPosition, type LintContext, type WrittenRewrite } from '../lint/context.ts'
import { maxPatterns } from '../lint/example-names.ts'
import { keyFault } from '../lint/key-fault.ts'
import { repositoryLanguage } from '../lint/repository-language.ts'
import type { Rule } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

/** The names by which images of a registry can be meant, which are never a part of their repositories. */
function ownNames(mirror: string): readonly string[] {
  if (mirror === '*') return []
  return mirror === 'docker.io' ? [mirror, 'index.docker.io', 'registry-1.docker.io'] : [mirror]
}

/** The pattern with the dots of a host's name as dots, because nobody means any character there. */
function withLiteralDots(pattern: string, names: readonly string[]): string {
  return names.reduce((text, name) => text.replace(`${name}/`, () => `${name.replaceAll('.', '[.]')}/`), pattern)
}

/** The repositories of a mirrored registry as containerd matches them, and an example. */
function subjects(mirror: string): { readonly language: TextLanguage; readonly mixedCase: TextLanguage; readonly example: string } {
  const hasNamespace = mirror === 'docker.io'
  const without = ownNames(mirror)
  return {
    language: repositoryLanguage({ hasNamespace, without }),
    mixedCase: repositoryLanguage({ hasNamespace, without, mixedCase: true }),
    example: hasNamespace ? 'library/nginx' : 'team/app',
  }
}

/** Changes that often make a pattern match, in the order in which they are tried. */
const corrections: readonly ((pattern: string) => string)[] = [
  // The registry, with or without a scheme.
  (pattern) => pattern.replace(/^(\^?\(?)(?:https?:\/\/)?[\w.[\]-]+[\].][\w.[\]-]*(?::[0-9]+)?\//, '$1'),
  // The tag or the digest.
  (pattern) => pattern.replace(/(?:[:@][\w.+*()[\]{}:-]*)(\$?)$/, '$1'),
  (pattern) => pattern.replace(/^(\^?)\//, '$1'),
  (pattern) => (pattern.includes('\\') ? pattern : pattern.toLowerCase()),
  (pattern) => pattern.replace(/^\^(?!library)/, '^library/'),
]

/** A similar pattern that can match, if one is found. */
function correct(pattern: string, language: TextLanguage): string | undefined {
  let corrected = pattern
  for (const change of corrections) {
    corrected = change(corrected)
    if (corrected !== pattern && corrected !== '' && tryParseGoRegexp(corrected)?.matchesSome(language) === true) return corrected
  }
  return undefined
}

function judge({ mirror, pattern, position, read }: WrittenRewrite) {
  const { language, mixedCase, example } = subjects(mirror)
  const regexp = tryParseGoRegexp(withLiteralDots(read.pattern, ownNames(mirror)))
  if (regexp === undefined || regexp.matchesSome(language)) return undefined
  const why = regexp.matchesSome(mixedCase)
    ? 'repositories are lower case'
    : `containerd matches it against the repository, such as ${quoted(example)}, without registry, tag and digest`
  const corrected = correct(pattern, language)
  return {
    position,
    message: `the rewrite ${quoted(pattern)} never applies to images of ${shown(mirror)}: ${why}`,
    fix: corrected === undefined ? `write a pattern for repositories such as ${quoted(example)}` : `write ${quoted(corrected)}`,
  }
}

function usableRewrites({ rewrites, parsed }: LintContext): readonly WrittenRewrite[] {
  const used = [...rewrites].filter(
    ([mirror]) => keyFault(mirror, 'mirrors') === undefined && (parsed.registries.mirrors.get(mirror)?.endpoints.length ?? 0) > 0,
  )
  // The rule rewrite-escapes reports a control character, which is an escape of TOML.
  return oncePerPosition(used.flatMap(([, all]) => all)).filter(
    ({ regexp, isToml, read }) => regexp !== undefined && isToml && !/\p{Cc}/u.test(read.pattern),
  )
}

/** A pattern that matches no repository. */
export const rewriteNeverMatches: Rule = {
  severity: 'warning',
  title: 'A rewrite that never applies',
  about: `containerd matches a pattern against the repository of an image, without the registry, the tag and the digest. On \`docker.io\` an image without a
namespace is in \`library\`: the repository of \`nginx\` is \`library/nginx\`. So \`^nginx$\`, \`^docker.io/(.*)$\` and \`^(.*):latest$\` match no image of Docker Hub, and
nodes request the original names. Repositories are lower case. Lint decides from the grammar of repositories, so it reports only patterns that no name can match.`,
  *check(context) {
    for (const rewrite of usableRewrites(context).slice(0, maxPatterns)) yield judge(rewrite)
  },
}
