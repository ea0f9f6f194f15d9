import { isRepositoryPath } from '../../oci/reference.ts'
import { quoted } from '../../text/printable.ts'
import type { WrittenRewrite } from '../lint/context.ts'
import { exampleNames, knownNames, maxPatterns } from '../lint/example-names.ts'
import { replacementFaults } from '../lint/replacement-groups.ts'
import type { Rule, Discovery } from '../lint/rule.ts'

/** What containerd asks for: it joins the parts of a URL's path, and takes slashes that are too many away. */
function joined(path: string): string {
  return path.replace(/\/{2,}/g, '/').replace(/^\/|\/$/g, '')
}

/** A name that becomes none: a known one, or any where not one of those that match stays a name. */
function findExample(
  { pattern }: WrittenRewrite,
  changed: readonly (readonly [name: string, result: string])[],
  isGood: (path: string) => boolean,
): { readonly result: string; readonly message: string } | undefined {
  const bad = changed.filter(([, result]) => !isGood(result))
  const [name, result] = (bad.length === changed.length ? bad[0] : bad.find(([known]) => knownNames.includes(known))) ?? []
  if (name === undefined || result === undefined) return undefined
  return { result, message: `the rewrite of ${quoted(pattern)} makes ${quoted(result)} of ${quoted(name)}` }
}

function judge(rewrite: WrittenRewrite): Discovery | undefined {
  const { position, read, regexp, isToml } = rewrite
  if (regexp === undefined || !isToml || replacementFaults(regexp, read.replacement).length > 0) return undefined
  const results = exampleNames([rewrite]).map((name) => [name, regexp.replaceAll(name, read.replacement)] as const)
  const changed = results.filter(([name, result]) => result !== name)
  const none = findExample(rewrite, changed, (path) => isRepositoryPath(joined(path)))
  if (none !== undefined) {
    return {
      position,
      message: `${none.message}, which is no name of a repository`,
      fix: 'Names are of lower-case letters, digits, ".", "_", "-" and "/", and begin and end with a letter or a digit.',
    }
  }
  const loose = findExample(rewrite, changed, isRepositoryPath)
  if (loose === undefined) return undefined
  return {
    position,
    severity: 'warning',
    message: `${loose.message}: containerd takes such slashes out of its requests, but not where it asks for a token`,
    fix: `Write the replacement so that it makes ${quoted(joined(loose.result))}.`,
  }
}

/** A replacement that makes no name of a repository. */
export const rewriteResult: Rule = {
  title: 'A rewrite makes no name of a repository',
  about: `What comes out of a rewrite has to be a repository's name: lower case, no empty parts, no slash at an end. Registries refuse
others. Slashes that are too many containerd takes out of its requests, but not out of the scope that it asks a token for, so that such a
rewrite works by chance. Tried with names that K3s uses and with names made of the pattern.`,
  check: ({ rewrites }) => [...rewrites.values()].flat().slice(0, maxPatterns).map(judge),
}
