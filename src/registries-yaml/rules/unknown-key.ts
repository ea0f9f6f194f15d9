import { editDistance, nearestFirst } from '../../oci/nearest.ts'
import type { Rule } from '../lint/rule.ts'
import type { Remark } from '../read/decode-yaml.ts'
import { shownKey } from '../shown-text.ts'
import { isTokenUnderAuth } from './token-under-auth.ts'

// The right place of each key, for a key in the wrong place.
const parents: Readonly<Record<string, readonly string[]>> = {
  'at the top level': ['mirrors', 'configs'],
  'under mirrors and the name of a registry': ['endpoint', 'rewrite'],
  'under configs and the host of a registry': ['auth', 'tls'],
  'under auth': ['username', 'password', 'identity_token'],
  'under tls': ['ca_file', 'cert_file', 'key_file', 'insecure_skip_verify'],
}

const maxLength = 40

/** Removes the usual differences: upper case, underscores and hyphens, as in `insecureSkipVerify`. */
function squash(key: string): string {
  return key.toLowerCase().replaceAll(/[_-]/g, '')
}

/** The known key that an unknown one probably means; undefined for no similar key. */
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

/** The right place of a known key in the wrong place. */
export function rightParent(key: string): { readonly key: string; readonly parent: string } | undefined {
  if (key.length > maxLength) return undefined
  const all = Object.entries(parents).flatMap(([parent, keys]) => keys.map((candidate) => ({ key: candidate, parent })))
  return all.find((candidate) => squash(candidate.key) === squash(key))
}

/** The known key that differs only in case, hyphens, underscores and the plural. Nothing turns off the verification of certificates on its own. */
function certainKey(key: string, known: readonly string[]): string | undefined {
  const word = squash(key).replace(/s$/, '')
  const found = key.length > maxLength ? undefined : known.find((candidate) => squash(candidate).replace(/s$/, '') === word)
  return found === 'insecure_skip_verify' ? undefined : found
}

function suggest(key: string, { path, known }: Extract<Remark, { kind: 'unknown-key' }>): string {
  const near = nearestKey(key, known)
  if (near !== undefined) return `write ${near}`
  const right = rightParent(key)
  if (right !== undefined) return `write ${right.key} ${right.parent}`
  if (path.length === 1) return 'write registries under mirrors, and hosts with credentials and TLS under configs'
  return `remove it; known keys here: ${known.join(', ')}`
}

/** An unknown key, which K3s ignores. */
export const unknownKey: Rule = {
  title: 'An unknown key',
  about: `K3s ignores unknown keys and everything below them, without a message: \`endpoints\` instead of \`endpoint\` results in a mirror without endpoints. Keys are
case-sensitive. Top-level keys that begin with \`x-\` or a dot usually hold anchors and are not reported.`,
  remark: (remark) => {
    if (remark.kind !== 'unknown-key' || isTokenUnderAuth(remark)) return undefined
    const { path } = remark
    const key = String(path.at(-1))
    // A usual place for anchors.
    if (path.length === 1 && /^(?:x-|\.)/.test(key)) return undefined
    const to = certainKey(key, remark.known)
    return {
      message: `K3s ignores the unknown key ${shownKey(path)} and everything below it`,
      fix: suggest(key, remark),
      edit: to === undefined ? undefined : { kind: 'correct', path, to },
    }
  },
}
