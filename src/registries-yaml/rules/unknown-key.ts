import { editDistance, nearestFirst } from '../../oci/nearest.ts'
import type { Rule } from '../lint/rule.ts'
import type { Remark } from '../read/decode-yaml.ts'
import { shownKey } from '../shown-text.ts'
import { isTokenUnderAuth } from './token-under-auth.ts'

// where each key of the schema belongs, for one that is found elsewhere
const parents: Readonly<Record<string, string>> = {
  mirrors: 'at the top of the file',
  configs: 'at the top of the file',
  endpoint: 'under mirrors and the name of a registry',
  rewrite: 'under mirrors and the name of a registry',
  auth: 'under configs and a host',
  tls: 'under configs and a host',
  username: 'under auth',
  password: 'under auth',
  identity_token: 'under auth',
  ca_file: 'under tls',
  cert_file: 'under tls',
  key_file: 'under tls',
  insecure_skip_verify: 'under tls',
}

const maxLength = 40

/** Upper case, underscores and hyphens are the usual differences: `insecureSkipVerify`. */
function squash(key: string): string {
  return key.toLowerCase().replaceAll(/[_-]/g, '')
}

/** The key that an unknown one probably means, among those that are known where it stands; undefined where none is like it. */
export function nearestKey(key: string, known: readonly string[]): string | undefined {
  if (key.length > maxLength) return undefined
  const word = squash(key)
  const same = known.find((candidate) => squash(candidate) === word)
  if (same !== undefined || word.length < 2) return same
  const longer = known.find((candidate) => squash(candidate).startsWith(word) || word.startsWith(squash(candidate)))
  if (longer !== undefined) return longer
  const [nearest] = nearestFirst(word, known)
  return nearest !== undefined && editDistance(word, squash(nearest)) <= Math.max(1, Math.floor(word.length / 4)) ? nearest : undefined
}

/** Where a key of the schema belongs that is not known where it stands. */
export function rightParent(key: string): { readonly key: string; readonly parent: string } | undefined {
  if (key.length > maxLength) return undefined
  const found = Object.entries(parents).find(([candidate]) => squash(candidate) === squash(key))
  return found && { key: found[0], parent: found[1] }
}

function suggest(key: string, { path, known }: Extract<Remark, { kind: 'unknown-key' }>): string {
  const near = nearestKey(key, known)
  if (near !== undefined) return `Write ${near}.`
  const right = rightParent(key)
  if (right !== undefined) return `Write ${right.key} ${right.parent}.`
  if (path.length === 1) return 'Registries stand under mirrors, hosts with credentials and TLS under configs.'
  return `Remove it; known here: ${known.join(', ')}.`
}

/** A key that K3s does not know. */
export const unknownKey: Rule = {
  id: 'unknown-key',
  severity: 'error',
  title: 'A key that K3s does not know',
  about: `K3s passes over keys that it does not know, with all that is below them, and says nothing: \`endpoints\` in place of \`endpoint\` makes a mirror
without endpoints. Keys are compared exactly, with case. At the top of the file a key that begins with \`x-\` or a dot is taken for a place to keep anchors, and not reported.`,
  *check({ parsed }) {
    for (const remark of parsed.remarks) {
      if (remark.kind !== 'unknown-key' || isTokenUnderAuth(remark)) continue
      const { path, position } = remark
      const key = String(path.at(-1))
      // At the top some keep what is referred to by alias under a name that no program knows.
      if (path.length === 1 && /^(?:x-|\.)/.test(key)) continue
      yield { position, message: `K3s does not know the key ${shownKey(path)} here and passes over it`, fix: suggest(key, remark) }
    }
  },
}
