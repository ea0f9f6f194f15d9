import { isDigest, type Digest } from '../oci/digest.ts'
import type { CataloguedManifest, CataloguedRepository } from './catalogue.ts'
import type { Parents } from './parents.ts'

/** What keeps manifests besides tags. */
export interface ManifestUse {
  readonly parents: Parents
  /** Manifests of the repository that index.json names by their digest. */
  readonly pinned: readonly Digest[]
  /** True for a manifest that a client counts on. */
  readonly isExpected: (digest: Digest) => boolean
  /** True for a manifest that was stored so lately that its client may not be done. */
  readonly isRecent: (digest: Digest) => boolean
}

/** Manifests of a repository that nothing leads to. */
export interface Unreached {
  readonly manifests: readonly CataloguedManifest[]
  /** Those of them that no other one refers to. */
  readonly tops: readonly Digest[]
  /** Tags of signatures and the like whose image is among the manifests. */
  readonly tags: readonly string[]
  /** How many manifests only a client that counts on them, or their age, keeps. */
  readonly held: number
}

/** Tags that say what they are about: cosign's, https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md, and of https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema */
const companionTag = /^(sha256|sha512)-([0-9a-f]+)(?:\.(?:sig|att|sbom))?$/

/** The digest that a tag is about; undefined for a tag that names an image. */
function subjectOfTag(tag: string): Digest | undefined {
  const [, algorithm, hex] = companionTag.exec(tag) ?? []
  const digest = `${algorithm}:${hex}`
  return isDigest(digest) ? digest : undefined
}

/** Finds the manifests of a repository that no tag reaches: not as a child of an index, nor as a referrer of what is reached. */
export function findUnreached(
  { tags, manifests }: CataloguedRepository,
  { parents, pinned, isExpected, isRecent }: ManifestUse,
): Unreached {
  const companions = new Map<Digest, Digest[]>()
  const subjects = new Map<Digest, Digest[]>()
  const belongTo = (subject: Digest, digest: Digest): void => {
    listAt(companions, subject).push(digest)
    listAt(subjects, digest).push(subject)
  }
  for (const { descriptor, subject } of manifests.values()) if (subject !== undefined) belongTo(subject, descriptor.digest)
  const reached = new Set<Digest>()
  const reach = (roots: Iterable<Digest>): void => {
    const waiting = [...roots]
    for (let digest = waiting.pop(); digest !== undefined; digest = waiting.pop()) {
      if (reached.has(digest) || !manifests.has(digest)) continue
      reached.add(digest)
      for (const child of parents.childrenOf(digest)) if (manifests.has(child)) waiting.push(child)
      waiting.push(...(companions.get(digest) ?? []))
    }
  }
  const roots = [...pinned, ...[...manifests.keys()].filter((digest) => parents.keeps(digest))]
  const dependent: [tag: string, digest: Digest][] = []
  for (const [tag, digest] of tags) {
    const subject = subjectOfTag(tag)
    // Signatures may be kept apart from the images: then nothing says that their image is gone.
    if (subject === undefined || !manifests.has(subject)) roots.push(digest)
    else {
      belongTo(subject, digest)
      dependent.push([tag, digest])
    }
  }
  reach(roots)
  const before = reached.size
  const unreached = (): Digest[] => [...manifests.keys()].filter((digest) => !reached.has(digest))
  const isTop = (digest: Digest): boolean =>
    [...parents.of(digest), ...(subjects.get(digest) ?? [])].every((one) => !manifests.has(one) || reached.has(one))
  reach(unreached().filter(isExpected))
  // Only what nothing refers to may be the first part of an image: the rest goes with what refers to it.
  reach(unreached().filter((digest) => isTop(digest) && isRecent(digest)))
  const gone = unreached()
  return {
    manifests: gone.flatMap((digest) => manifests.get(digest) ?? []),
    tops: gone.filter(isTop),
    tags: dependent.filter(([, digest]) => manifests.has(digest) && !reached.has(digest)).map(([tag]) => tag),
    held: reached.size - before,
  }
}

function listAt(lists: Map<Digest, Digest[]>, key: Digest): Digest[] {
  const found = lists.get(key)
  if (found !== undefined) return found
  const list: Digest[] = []
  lists.set(key, list)
  return list
}
