import { isRepositoryPath } from '../../oci/reference.ts'
import { quoted } from '../../text/printable.ts'
import type { WrittenRewrite } from '../lint/context.ts'
import { exampleNames, knownNames, maxPatterns } from '../lint/example-names.ts'
import { replacementFaults } from '../lint/replacement-groups.ts'
import type { Rule, Discovery } from '../lint/rule.ts'

/** The path of containerd's request, from which it removes duplicate slashes. */
function joined(path: string): string {
  return path.replace(/\/{2,}/g, '/').replace(/^\/|\/$/g, '')
}

/** A name with an invalid result: a well-known one, or any one if all results are invalid. */
function findExample(
  { pattern }: WrittenRewrite,
  changed: readonly (readonly [name: string, result: string])[],
  isGood: (path: string) => boolean,
): { readonly result: string; readonly message: string } | undefined {
  const bad = changed.filter(([, result]) => !isGood(result))
  const [name, result] = (bad.length === changed.length ? bad[0] : bad.find(([known]) => knownNames.includes(known))) ?? []
  if (name === undefined || result === undefined) return undefined
  return { result, message: `the pattern ${quoted(pattern)} rewrites ${quoted(name)} to ${quoted(result)}` }
}

function judge(rewrite: WrittenRewrite): Discovery | undefined {
  const { position, read, regexp, isToml } = rewrite
  if (regexp === undefined || !isToml || replacementFaults(regexp, read.replacement).length > 0) return undefined
  const results = exampleNames([rewrite]).map((name) => [name, regexp.replaceAll(name, read.replacement)] as const)
  const changed = results.filter(([name, result]) => result !== name)
  const invalid = findExample(rewrite, changed, (path) => isRepositoryPath(joined(path)))
  if (invalid !== undefined) {
    return {
      position,
      message: `${invalid.message}, which is not a valid repository name`,
      fix: 'write a replacement of lower-case letters, digits, ".", "_", "-" and "/", without a separator at either end',
    }
  }
  const loose = findExample(rewrite, changed, isRepositoryPath)
  if (loose === undefined) return undefined
  return {
    position,
    severity: 'warning',
    message: `${loose.message}: containerd removes the extra slash from requests, but not from the scope of a token`,
    fix: `write a replacement that produces ${quoted(joined(loose.result))}`,
  }
}

/** A rewrite with an invalid repository name as its result. */
export const rewriteResult: Rule = {
  title: 'A rewrite produces an invalid repository name',
  about: `The result of a rewrite must be a valid repository name: lower case, without empty parts, and without a slash at either end. Registries reject other names.
containerd removes duplicate slashes from its requests, but not from the scope of a token, so that such a rewrite works only on some registries. Lint tries names that
K3s uses, and names derived from the pattern.`,
  check: ({ rewrites }) => [...rewrites.values()].flat().slice(0, maxPatterns).map(judge),
}
