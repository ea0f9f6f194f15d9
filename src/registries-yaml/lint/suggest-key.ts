import { editDistance, nearestFirst } from '../../oci/nearest.ts'

// where each key of the schema stands, for one that stands elsewhere
const places: Readonly<Record<string, string>> = {
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

/** The key among those that are known in a place that an unknown one probably means; undefined where none is like it. */
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
export function rightPlace(key: string): { readonly key: string; readonly place: string } | undefined {
  if (key.length > maxLength) return undefined
  const found = Object.entries(places).find(([candidate]) => squash(candidate) === squash(key))
  return found && { key: found[0], place: found[1] }
}
