import { isRepositoryPath } from '../../oci/reference.ts'
import { quoted } from '../../text/printable.ts'
import type { WrittenRewrite } from '../lint/context.ts'
import { exampleNames, knownNames, maxPatterns } from '../lint/example-names.ts'
import { replacementFaults } from '../lint/replacement-groups.ts'
import type { Rule, Discovery } from '../lint/rule.ts'

interface Example {
  readonly name: string
  readonly result: string
}

/** What containerd asks for: it joins the parts of a URL's path, and takes slashes that are too many away. */
function joined(path: string): string {
  return path.replace(/\/{2,}/g, '/').replace(/^\/|\/$/g, '')
}

/** A name that becomes none: a known one, or any where not one of those that match stays a name. */
function findExample(rewrite: WrittenRewrite, isGood: (path: string) => boolean): Example | undefined {
  const { regexp, read } = rewrite
  if (regexp === undefined) return undefined
  const changed = exampleNames([rewrite])
    .map((name): Example => ({ name, result: regexp.replaceAll(name, read.replacement) }))
    .filter(({ name, result }) => result !== name)
  const bad = changed.filter(({ result }) => !isGood(result))
  return bad.length === changed.length ? bad[0] : bad.find(({ name }) => knownNames.includes(name))
}

function describe(pattern: string, { name, result }: Example): string {
  return `the rewrite of ${quoted(pattern)} makes ${quoted(result)} of ${quoted(name)}`
}

function judge(rewrite: WrittenRewrite): Discovery | undefined {
  const { position, pattern, read, regexp, isToml } = rewrite
  if (regexp === undefined || !isToml || replacementFaults(read.pattern, read.replacement).length > 0) return undefined
  const none = findExample(rewrite, (path) => isRepositoryPath(joined(path)))
  if (none !== undefined) {
    return {
      position,
      message: `${describe(pattern, none)}, which is no name of a repository`,
      fix: 'Names are of lower-case letters, digits, ".", "_", "-" and "/", and begin and end with a letter or a digit.',
    }
  }
  const loose = findExample(rewrite, isRepositoryPath)
  if (loose === undefined) return undefined
  return {
    position,
    severity: 'warning',
    message: `${describe(pattern, loose)}: containerd takes such slashes out of its requests, but not where it asks for a token`,
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
