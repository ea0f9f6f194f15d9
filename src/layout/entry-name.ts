import { isMirrorError, MirrorError } from '../errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { mediaTypes } from '../oci/media-type.ts'
import { formatReference, isTag, parseReference, type Reference, type Repository } from '../oci/reference.ts'

/** The annotation that names an image in index.json: https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md */
export const refName = 'org.opencontainers.image.ref.name'
/** The annotation by which containerd names an image when it imports it. */
export const imageName = 'io.containerd.image.name'

/** What an entry calls a manifest: skopeo 1.9 looks in index.json for OCI media types only. The manifest keeps its own. */
function entryType(mediaType: string): string {
  if (mediaType === mediaTypes.dockerList) return mediaTypes.ociIndex
  return mediaType === mediaTypes.dockerManifest ? mediaTypes.ociManifest : mediaType
}

/** The entry of a named image in index.json, as one line of JSON. */
export function formatIndexEntry(reference: Reference, { mediaType, digest, size }: Descriptor): string {
  const name = formatReference(reference)
  return JSON.stringify({ mediaType: entryType(mediaType), digest, size, annotations: { [imageName]: name, [refName]: name } })
}

/** What an entry of index.json is: an image or another artifact, or what sigstore's and hauler's stores keep about one. */
export type EntryKind = 'image' | 'sig' | 'att' | 'sbom' | 'referrer' | 'unknown'

const kinds: ReadonlyMap<string, EntryKind> = new Map([
  ['image', 'image'],
  ['imageIndex', 'image'],
  ['sigs', 'sig'],
  ['atts', 'att'],
  ['sboms', 'sbom'],
  ['referrers', 'referrer'],
])

/** What the annotation `kind` says: https://github.com/sigstore/cosign/blob/v2.4.1/pkg/oci/layout/index.go and https://github.com/hauler-dev/hauler/blob/main/pkg/consts/consts.go */
export function kindOf(annotations: Readonly<Record<string, unknown>>): EntryKind {
  const { kind } = annotations
  const [, own] = /^dev\.(?:hauler|cosignproject\.cosign)\/([^/]*)/.exec(typeof kind === 'string' ? kind : '') ?? []
  return own === undefined ? 'image' : (kinds.get(own) ?? 'unknown')
}

/** The name of an entry, as far as it has one. */
export interface EntryName {
  readonly reference?: Reference
  /** Present where that is all of the name. */
  readonly tag?: string
  /** Why the name is not whole. */
  readonly why: string
}

const maxShown = 200

/** `import-2024-05-01`: ctr puts the date of an import in place of a name that it is not given. */
const madeUp = /^import-[0-9]{4}-[0-9]{2}-[0-9]{2}(?=[:@])/

function readName(text: string, isRefName: boolean): EntryName {
  if (/^sha(?:256|512):[0-9a-f]+$/.test(text)) return { why: `it has only the id ${text.slice(0, maxShown)}` }
  if (text.includes('<none>')) return { why: `it has no name, only ${text.slice(0, maxShown)}` }
  const made = madeUp.exec(text)?.[0]
  const tag = made === undefined ? text : text.slice(made.length + 1)
  if ((isRefName || made !== undefined) && isTag(tag)) return { tag, why: `it is named only by the tag ${tag}` }
  if (made !== undefined) return { why: `it has only the name ${made}, which ctr made up` }
  try {
    return { reference: parseReference(text), why: '' }
  } catch (error) {
    if (!isMirrorError(error)) throw error
    return { why: error.message }
  }
}

/** The name that the annotations of an entry give it: containerd's counts before that of the specification. */
export function nameOf(annotations: Readonly<Record<string, unknown>>): EntryName {
  let found: EntryName = { why: 'it has no name' }
  for (const key of [imageName, refName]) {
    const text = annotations[key]
    if (typeof text !== 'string' || text === '') continue
    const name = readName(text, key === refName)
    if (name.reference !== undefined) return name
    if (found.tag === undefined) found = name
  }
  return found
}

/** A repository, or one tag of it, that is given to entries without a whole name. */
export interface GivenName extends Repository {
  readonly tag?: string
}

/** Reads `registry/repository[:tag]`; undefined where none is given. Throws INVALID_REFERENCE, and USAGE for a digest. */
export function parseGivenName(text: string | undefined): GivenName | undefined {
  if (text === undefined) return undefined
  const { registry, path, tag, digest } = parseReference(text)
  if (digest !== undefined) {
    throw new MirrorError('USAGE', `options.name ${text} has a digest`, { hint: 'write registry/repository or registry/repository:tag' })
  }
  const hasTag = text.slice(text.lastIndexOf('/') + 1).includes(':')
  return { registry, path, ...(hasTag && tag !== undefined && { tag }) }
}
