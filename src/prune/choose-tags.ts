import { isDigest, type Digest } from '../oci/digest.ts'
import { reachedFrom, type StoredRepository } from './read-repository.ts'

/** What of a repository stays. */
export interface KeptNames {
  readonly tags: ReadonlySet<string>
  /** Images that are named by their digest only: every tag of them stays. */
  readonly digests: ReadonlySet<Digest>
  /** Digests that are named with a tag, which may have moved since: the manifests stay. */
  readonly pinned: ReadonlySet<Digest>
}

/** What happens to a tag: `untag` removes the tag only, because its manifest stays or is gone. */
export interface TagChoice {
  readonly tag: string
  readonly digest?: Digest
  readonly action: 'keep' | 'remove' | 'untag'
  /** Why a tag that is not named stays, or why only the tag goes. */
  readonly reason?: string
}

/** What happens to a repository. */
export interface RepositoryChoice {
  readonly stored: StoredRepository
  readonly tags: readonly TagChoice[]
  /** Everything that a kept tag or digest reaches. */
  readonly needed: ReadonlySet<Digest>
}

/** `sha256-<hex>` and `sha256-<hex>.sig`: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema and https://github.com/sigstore/cosign/blob/v2.4.1/specs/SIGNATURE_SPEC.md */
const companionTag = /^(sha256|sha512)-([0-9a-f]{64,128})(?:\.[\w.-]+)?$/

/** The manifest that a tag is about: of a signature, an attestation, an SBOM, or a list of them. */
function subjectOf(tag: string, { tags, manifests }: StoredRepository): Digest | undefined {
  const [, algorithm, hex] = companionTag.exec(tag) ?? []
  const named = `${algorithm}:${hex}`
  if (isDigest(named)) return named
  const root = tags.get(tag)
  return root === undefined ? undefined : manifests.get(root)?.subject
}

/** The tags whose own age decides: not named, with a manifest, and not about another manifest. */
export function tagsToDate(stored: StoredRepository, kept: KeptNames): readonly { readonly tag: string; readonly digest: Digest }[] {
  return [...stored.tags].flatMap(([tag, digest]) =>
    digest === undefined || isNamed(tag, digest, kept) || subjectOf(tag, stored) !== undefined ? [] : [{ tag, digest }],
  )
}

function isNamed(tag: string, digest: Digest | undefined, { tags, digests }: KeptNames): boolean {
  return tags.has(tag) || (digest !== undefined && digests.has(digest))
}

/** Decides on every tag of a repository; `spared` are tags that stay though no one names them, each with the reason. */
export function chooseTags(stored: StoredRepository, kept: KeptNames, spared: ReadonlyMap<string, string> = new Map()): RepositoryChoice {
  const stays = new Map<string, string | undefined>()
  const needed = reachedFrom(stored, [...kept.digests, ...kept.pinned])
  const keep = (tag: string, digest: Digest | undefined, reason?: string): void => {
    stays.set(tag, reason)
    if (digest !== undefined) for (const reached of reachedFrom(stored, [digest])) needed.add(reached)
  }
  for (const [tag, digest] of stored.tags) {
    if (isNamed(tag, digest, kept)) keep(tag, digest)
    else if (spared.has(tag)) keep(tag, digest, spared.get(tag))
  }
  const companions = [...stored.tags].flatMap(([tag, digest]) => {
    const subject = stays.has(tag) ? undefined : subjectOf(tag, stored)
    return subject === undefined ? [] : [{ tag, digest, subject }]
  })
  // A signature may itself be signed, so that what one companion brings keeps others.
  for (let before = -1; before !== stays.size;) {
    before = stays.size
    for (const { tag, digest, subject } of companions)
      if (!stays.has(tag) && needed.has(subject)) keep(tag, digest, `belongs to the kept image ${subject}`)
  }
  const tags = [...stored.tags].map(([tag, digest]) => choose(tag, digest, { stored, stays, needed }))
  return { stored, tags, needed }
}

function choose(
  tag: string,
  digest: Digest | undefined,
  { stored, stays, needed }: Pick<RepositoryChoice, 'stored' | 'needed'> & { readonly stays: ReadonlyMap<string, string | undefined> },
): TagChoice {
  const named = { tag, ...(digest !== undefined && { digest }) }
  if (stays.has(tag)) {
    const reason = stays.get(tag)
    return { ...named, action: 'keep', ...(reason !== undefined && { reason }) }
  }
  if (digest === undefined) return { ...named, action: 'untag', reason: 'the tag has no manifest' }
  if (!needed.has(digest)) return { ...named, action: 'remove' }
  const twin = [...stays.keys()].find((other) => stored.tags.get(other) === digest)
  return {
    ...named,
    action: 'untag',
    reason: twin === undefined ? 'a kept image contains its manifest' : `the kept tag ${twin} has the same digest`,
  }
}
