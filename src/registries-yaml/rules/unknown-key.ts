import { editDistance, nearestFirst } from '../../oci/nearest.ts'
import type { Rule } from '../lint/rule.ts'
import type { Remark } from '../read/decode-yaml.ts'
import { shownKey } from '../shown-text.ts'
import { isTokenUnderAuth } from './token-under-auth.ts'

// where each key of the schema belongs, for one that is found elsewhere
const parents: Readonly<Record<string, readonly string[]>> = {
  'at the top of the file': ['mirrors', 'configs'],
  'under mirrors and the name of a registry': ['endpoint', 'rewrite'],
  'under configs and a host': ['auth', 'tls'],
  'under auth': ['username', 'password', 'identity_token'],
  'under tls': ['ca_file', 'cert_file', 'key_file', 'insecure_skip_verify'],
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
  const all = Object.entries(parents).flatMap(([parent, keys]) => keys.map((candidate) => ({ key: candidate, parent })))
  return all.find((candidate) => squash(candidate.key) === squash(key))
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
  title: 'A key that K3s does not know',
  about: `K3s passes over keys that it does not know, with all that is below them, and says nothing: \`endpoints\` in place of \`endpoint\` makes a mirror
without endpoints. Keys are compared exactly, with case. At the top of the file a key that begins with \`x-\` or a dot is taken for a place to keep anchors, and not reported.`,
  remark: (remark) => {
    if (remark.kind !== 'unknown-key' || isTokenUnderAuth(remark)) return undefined
    const { path } = remark
    const key = String(path.at(-1))
    // At the top some keep what is referred to by alias under a name that no program knows.
    if (path.length === 1 && /^(?:x-|\.)/.test(key)) return undefined
    return { message: `K3s does not know the key ${shownKey(path)} here and passes over it`, fix: suggest(key, remark) }
  },
}
