import { isRepositoryPath } from '../../oci/reference.ts'
import type { WrittenRewrite } from './context.ts'
import { samplePattern } from './sample-pattern.ts'

/** Repositories that K3s pulls, and other common ones. */
export const knownNames: readonly string[] = [
  'rancher/mirrored-pause',
  'rancher/klipper-helm',
  'rancher/klipper-lb',
  'rancher/local-path-provisioner',
  'rancher/mirrored-coredns-coredns',
  'rancher/mirrored-library-busybox',
  'rancher/mirrored-library-traefik',
  'rancher/mirrored-metrics-server',
  'library/nginx',
  'library/busybox',
  'pause',
  'coredns/coredns',
]

/** Patterns of a mirror that lint tries at most, because trying takes time. */
export const maxPatterns = 250

const maxNames = 300
const maxWords = 16

function valid(names: Iterable<string>): readonly string[] {
  return [...new Set(names)].filter((name) => isRepositoryPath(name))
}

/** A match may end before the name does. */
function completed(text: string): readonly string[] {
  return [text, `${text}image`, `${text}/image`]
}

/** Words in patterns, to fill the wildcards of other patterns. */
function wordsOf(rewrites: readonly WrittenRewrite[]): readonly string[] {
  const found = rewrites.flatMap(({ read }) => read.pattern.match(/[a-z0-9]+(?:[._/-]+[a-z0-9]+)*/g) ?? [])
  return [...new Set(found)].filter((word) => word.length > 1).slice(0, maxWords)
}

function samples({ read }: WrittenRewrite, words: readonly string[]): readonly string[] {
  const ends = words.flatMap((word) => [word, `image-${word}`, `team/${word}`])
  return samplePattern(read.pattern, ['image', 'team/image', '1', ...ends]).map((text) => text.toLowerCase())
}

/** At most so many names that a pattern matches, derived from it. */
function namesOf(rewrite: WrittenRewrite, words: readonly string[], most: number): readonly string[] {
  const texts = samples(rewrite, words)
  const names = valid([...texts, ...texts.flatMap(completed), ...texts.flatMap((text) => completed(`team/${text}`))])
  return names.filter((name) => rewrite.regexp?.matches(name) === true).slice(0, most)
}

/** Repository names to try the rewrites of one mirror with: well-known names, and names derived from the patterns. */
export function exampleNames(rewrites: readonly WrittenRewrite[]): readonly string[] {
  const words = wordsOf(rewrites)
  const most = Math.max(8, Math.floor(maxNames / Math.max(1, rewrites.length)))
  return [...new Set([...knownNames, ...rewrites.flatMap((rewrite) => namesOf(rewrite, words, most))])]
}

/** Names that a pattern is probably meant for, and the same names after another path or within another word. */
export function shiftedNames(rewrite: WrittenRewrite): Readonly<Record<'plain' | 'behindSlash' | 'withinWord', readonly string[]>> {
  const texts = [...knownNames, ...samples(rewrite, []).flatMap(completed)]
  return {
    plain: valid(texts),
    behindSlash: valid(texts.map((text) => `team/${text}`)),
    withinWord: valid(texts.filter((text) => !text.startsWith('/')).map((text) => `my${text}`)),
  }
}
