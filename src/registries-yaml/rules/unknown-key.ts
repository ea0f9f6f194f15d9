import type { Rule } from '../lint/rule.ts'
import { nearestKey, rightPlace } from '../lint/suggest-key.ts'
import { oncePerPlace } from '../lint/written-places.ts'
import type { Remark } from '../read/decode-yaml.ts'
import { shownKey } from '../shown-text.ts'
import { isTokenUnderAuth } from './token-under-auth.ts'

type UnknownKey = Extract<Remark, { kind: 'unknown-key' }>

/** At the top some keep what is referred to by alias under a name that no program knows. */
function isForAnchors({ path }: UnknownKey): boolean {
  return path.length === 1 && /^(?:x-|\.)/.test(String(path[0]))
}

function suggest(key: string, { path, known }: UnknownKey): string {
  const near = nearestKey(key, known)
  if (near !== undefined) return `Write ${near}.`
  const right = rightPlace(key)
  if (right !== undefined) return `Write ${right.key} ${right.place}.`
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
    const unknown = parsed.remarks.filter((remark) => remark.kind === 'unknown-key')
    for (const remark of oncePerPlace(unknown)) {
      if (isForAnchors(remark) || isTokenUnderAuth(remark)) continue
      const key = String(remark.path.at(-1))
      yield {
        position: remark.position,
        message: `K3s does not know the key ${shownKey(remark.path)} here and passes over it`,
        fix: suggest(key, remark),
      }
    }
  },
}
