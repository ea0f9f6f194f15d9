import { yielding } from '../async/yielding.ts'
import { isMirrorError } from '../errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { isDigest, type Digest } from '../oci/digest.ts'
import { isJsonObject, parseJsonObject } from '../oci/json-object.ts'
import { parseManifest, parseSubject } from '../oci/manifest.ts'
import { isImageType, isIndexType } from '../oci/media-type.ts'
import { formatReference, type Reference } from '../oci/reference.ts'
import { kindOf, nameOf, type EntryKind, type EntryName, type GivenName } from './entry-name.ts'

/** Reads small content of a layout or an archive; undefined where it is absent or large. */
type ReadContent = (content: Pick<Descriptor, 'digest'>) => Promise<Uint8Array | undefined>

/** A named image in index.json, or what belongs to one. */
export interface NamedEntry {
  readonly reference: Reference
  readonly descriptor: Descriptor
  /** Its position in the list. */
  readonly at: number
  /** Present for a signature, an attestation, an SBOM or a referrer: the root in the same repository that it belongs to. */
  readonly about?: Digest
}

/** An entry of index.json, or an image of an archive, that is left out because it has no name that a registry could use. */
export interface SkippedEntry {
  /** Its digest, or its position. */
  readonly entry: string
  readonly why: string
  /** True where its name contradicts its content. */
  readonly isWrong?: true
}

/** What the entries of an index.json are. */
export interface NamedEntries {
  readonly named: readonly NamedEntry[]
  /** What nothing in the list names. */
  readonly skipped: readonly SkippedEntry[]
}

/** How entries are named. */
export interface EntryNamingOptions {
  readonly read: ReadContent
  /** For entries that have only a tag; with a tag also for a single one that has no name. */
  readonly name?: GivenName | undefined
  readonly signal?: AbortSignal | undefined
}

interface Entry {
  readonly at: number
  readonly descriptor: Descriptor
  readonly kind: EntryKind
  readonly found: EntryName
  reference: Reference | undefined
}

function parseEntry(value: unknown, at: number, name: GivenName | undefined): Entry | SkippedEntry {
  const { mediaType, digest, size, annotations } = isJsonObject(value) ? value : {}
  if (typeof digest !== 'string' || !isDigest(digest)) return { entry: `entry ${at + 1}`, why: 'it has no digest that is supported' }
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) return { entry: digest, why: 'it has no valid size' }
  if (typeof mediaType !== 'string' || !(isIndexType(mediaType) || isImageType(mediaType)))
    return { entry: digest, why: `its type is ${JSON.stringify(mediaType)?.slice(0, 100)}, not that of a manifest` }
  const notes = isJsonObject(annotations) ? annotations : {}
  const found = nameOf(notes)
  const { tag, reference = tag === undefined || name === undefined ? undefined : { ...name, tag } } = found
  return { at, descriptor: { mediaType, digest, size }, kind: kindOf(notes), found, reference }
}

/** Does work that depends on the digest of content once for each. */
function onceEach<T>(work: (descriptor: Descriptor) => Promise<T>): (descriptor: Descriptor) => Promise<T> {
  const known = new Map<Digest, Promise<T>>()
  return (descriptor) => {
    const done = known.get(descriptor.digest) ?? work(descriptor)
    known.set(descriptor.digest, done)
    return done
  }
}

function digestIn(value: unknown): Digest | undefined {
  return typeof value === 'string' && isDigest(value) ? value : undefined
}

/** https://github.com/containers/image/blob/main/docs/containers-signature.5.md#json-data-format */
function ofSimpleSigning(payload: Readonly<Record<string, unknown>>): Digest | undefined {
  const { critical } = payload
  const image = isJsonObject(critical) ? critical['image'] : undefined
  return isJsonObject(image) ? digestIn(image['docker-manifest-digest']) : undefined
}

/** https://github.com/secure-systems-lab/dsse/blob/master/envelope.md, https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md */
function ofEnvelope({ payload }: Readonly<Record<string, unknown>>): Digest | undefined {
  const statement = typeof payload === 'string' ? parseJsonObject(Buffer.from(payload, 'base64').toString('utf8')) : undefined
  const subjects: unknown = statement?.['subject']
  const [subject] = Array.isArray(subjects) ? (subjects as unknown[]) : []
  const digest = isJsonObject(subject) ? subject['digest'] : undefined
  return isJsonObject(digest) ? digestIn(`sha256:${String(digest['sha256'])}`) : undefined
}

const readers: Readonly<Record<string, typeof ofEnvelope>> = {
  'application/vnd.dev.cosign.simplesigning.v1+json': ofSimpleSigning,
  'application/vnd.dsse.envelope.v1+json': ofEnvelope,
}

/** The digest of what a cosign signature or attestation says it is about; undefined where it does not say that readably. */
async function signedDigest(manifest: Uint8Array, read: ReadContent): Promise<Digest | undefined> {
  try {
    const contents = parseManifest(manifest)
    const [layer] = contents.kind === 'image' ? contents.layers : []
    const reader = layer && readers[layer.mediaType]
    const bytes = reader && (await read(layer))
    const payload = bytes && parseJsonObject(Buffer.from(bytes).toString('utf8'))
    return payload && reader(payload)
  } catch (error) {
    if (isMirrorError(error)) return undefined
    throw error
  }
}

class EntryNames {
  readonly #entries: Entry[] = []
  readonly #read: ReadContent
  readonly #pause: () => Promise<void>
  readonly #skipped: { readonly digest?: Digest; readonly skipped: SkippedEntry }[] = []
  readonly #named: NamedEntry[] = []
  readonly #taken = new Map<string, Digest>()
  readonly #parentOf = new Map<Digest, Digest>()
  /** The manifests that an index lists; each index is read once, however many entries name it. */
  readonly #childrenOf = onceEach(async (descriptor): Promise<ReadonlySet<Digest>> => {
    const contents = await this.#parse(descriptor, parseManifest)
    return new Set(contents?.kind === 'index' ? contents.manifests.map(({ digest }) => digest) : [])
  })
  readonly #subjectOf = onceEach(async (descriptor) => (await this.#parse(descriptor, parseSubject))?.digest)
  /** Entries by the digest, the named ones first. */
  readonly #byDigest = new Map<Digest, Entry>()

  constructor({ read, signal }: EntryNamingOptions) {
    this.#read = read
    this.#pause = yielding(signal)
  }

  async run(values: readonly unknown[], name: GivenName | undefined): Promise<NamedEntries> {
    for (const [at, value] of values.entries()) {
      await this.#pause()
      this.#take(parseEntry(value, at, name))
    }
    const images = this.#entries.filter(({ kind }) => kind === 'image')
    const isUnnamed = ({ descriptor }: Entry): boolean => this.#byDigest.get(descriptor.digest)?.reference === undefined
    const nameless = images.filter((entry) => entry.reference === undefined && entry.found.tag === undefined && isUnnamed(entry))
    if (nameless.length > 0) await this.#readIndexes(images)
    const subjects = new Map<Entry, Digest>()
    for (const entry of nameless) {
      await this.#pause()
      const subject = await this.#subjectOf(entry.descriptor)
      if (subject !== undefined && this.#rootOf(subject) !== undefined) subjects.set(entry, subject)
    }
    const unrelated = nameless.filter((entry) => !subjects.has(entry) && !this.#parentOf.has(entry.descriptor.digest))
    const isOne = new Set(unrelated.map(({ descriptor }) => descriptor.digest)).size === 1
    if (name?.tag !== undefined && isOne) for (const entry of unrelated) entry.reference = { ...name, tag: name.tag }
    for (const entry of images) {
      await this.#pause()
      if (!subjects.has(entry)) this.#nameImage(entry)
    }
    for (const [entry, subject] of subjects) this.#nameReferrer(entry, this.#rootOf(subject))
    const roots = this.#rootsByName(images)
    for (const entry of this.#entries) if (entry.kind !== 'image') await this.#nameCompanion(entry, roots)
    return this.#result()
  }

  #take(entry: Entry | SkippedEntry): void {
    if (!('descriptor' in entry)) return void this.#skipped.push({ skipped: entry })
    this.#entries.push(entry)
    const { digest } = entry.descriptor
    if (this.#byDigest.get(digest)?.reference === undefined) this.#byDigest.set(digest, entry)
  }

  #nameImage(entry: Entry): void {
    const { reference, descriptor, found, at } = entry
    if (reference === undefined) return this.#skip(entry, found.why)
    if (reference.digest !== undefined && reference.digest !== descriptor.digest)
      return this.#skip(entry, `its name is ${formatReference(reference)}, which has another digest`, { isWrong: true })
    this.#add({ reference, descriptor, at })
  }

  #nameReferrer(entry: Entry, root: Entry | undefined): void {
    if (root?.reference === undefined) return this.#skip(entry, entry.found.why)
    const { registry, path } = root.reference
    const { at, descriptor } = entry
    this.#add({ reference: { registry, path, digest: descriptor.digest }, descriptor, at, about: root.descriptor.digest })
  }

  #rootsByName(images: readonly Entry[]): ReadonlyMap<string, Map<Digest, Entry>> {
    const all = new Map<Digest, Entry>()
    const roots = new Map([['', all]])
    for (const image of images) {
      if (image.reference === undefined) continue
      const name = formatReference(image.reference)
      const known = roots.get(name) ?? new Map<Digest, Entry>()
      roots.set(name, known.set(image.descriptor.digest, image))
      all.set(image.descriptor.digest, image)
    }
    return roots
  }

  /** A signature goes to the tag by which cosign finds it; it says itself what it signs, and otherwise its name leads to that. */
  async #nameCompanion(entry: Entry, roots: ReadonlyMap<string, Map<Digest, Entry>>): Promise<void> {
    const { at, descriptor, kind, reference, found } = entry
    if (kind === 'image' || kind === 'unknown') return this.#skip(entry, 'its kind is unknown')
    if (reference === undefined && found.tag !== undefined) return this.#skip(entry, found.why)
    const name = reference === undefined ? '' : formatReference(reference)
    const candidates = roots.get(name) ?? new Map<Digest, Entry>()
    const manifest = kind === 'referrer' ? undefined : await this.#read(descriptor)
    const signed = manifest && (await signedDigest(manifest, this.#read))
    const [first] = candidates.values()
    const isClear = candidates.size === 1 || (name !== '' && (signed !== undefined || kind === 'referrer'))
    const root = (signed && candidates.get(signed)) ?? (isClear ? first : undefined)
    if (root?.reference === undefined) {
      const count = candidates.size === 0 ? 'there is no image' : `there are ${candidates.size} images`
      return this.#skip(entry, `it is ${companionNames[kind]}, and ${count} that it may belong to${name && `, by the name ${name}`}`)
    }
    if (kind === 'referrer') return this.#nameReferrer(entry, root)
    const { registry, path } = root.reference
    const about = signed ?? root.descriptor.digest
    if (!(await this.#isOf(root, about)))
      return this.#skip(entry, `it is ${companionNames[kind]} of ${about}, which is not in ${formatReference(root.reference)}`)
    const companion = { registry, path, tag: `${about.replace(':', '-')}.${kind}` }
    const taken = this.#taken.get(formatReference(companion))
    if (taken === descriptor.digest) return
    if (taken !== undefined) return this.#skip(entry, `it is ${companionNames[kind]}, and ${taken} has its tag`)
    this.#add({ reference: companion, descriptor, at, about: root.descriptor.digest })
  }

  /** True for the digest of an image, or of one platform of it. */
  async #isOf({ descriptor }: Entry, digest: Digest): Promise<boolean> {
    return descriptor.digest === digest || (isIndexType(descriptor.mediaType) && (await this.#childrenOf(descriptor)).has(digest))
  }

  async #readIndexes(images: readonly Entry[]): Promise<void> {
    const indexes = new Map(images.map(({ descriptor }) => [descriptor.digest, descriptor]))
    for (const [parent, descriptor] of indexes) {
      if (!isIndexType(descriptor.mediaType)) continue
      for (const digest of await this.#childrenOf(descriptor)) if (!this.#parentOf.has(digest)) this.#parentOf.set(digest, parent)
    }
  }

  async #parse<T>(descriptor: Descriptor, parse: (bytes: Uint8Array) => T): Promise<T | undefined> {
    const bytes = await this.#read(descriptor)
    try {
      return bytes && parse(bytes)
    } catch (error) {
      if (isMirrorError(error)) return undefined
      throw error
    }
  }

  /** The entry for a digest, or the one for the index that lists it. */
  #rootOf(digest: Digest): Entry | undefined {
    const own = this.#byDigest.get(digest)
    const parent = this.#parentOf.get(digest)
    return own?.reference === undefined && parent !== undefined ? this.#byDigest.get(parent) : own
  }

  #add(entry: NamedEntry): void {
    this.#named.push(entry)
    this.#taken.set(formatReference(entry.reference), entry.descriptor.digest)
  }

  #skip({ descriptor: { digest } }: Entry, why: string, more: Pick<SkippedEntry, 'isWrong'> = {}): void {
    this.#skipped.push({ digest, skipped: { entry: digest, why, ...more } })
  }

  #result(): NamedEntries {
    const digests = new Set(this.#named.map(({ descriptor }) => descriptor.digest))
    const isNamed = (digest: Digest | undefined): boolean =>
      digest !== undefined && (digests.has(digest) || digests.has(this.#parentOf.get(digest) as Digest))
    return {
      named: this.#named,
      skipped: this.#skipped.filter(({ digest }) => !isNamed(digest)).map(({ skipped }) => skipped),
    }
  }
}

const companionNames = { sig: 'a signature', att: 'an attestation', sbom: 'an SBOM', referrer: 'a referrer' } as const

/** Names the entries of an index.json: signatures, attestations and SBOMs as cosign tags them, referrers by their digest. Rejects as `read` does. */
export function nameEntries(values: readonly unknown[], options: EntryNamingOptions): Promise<NamedEntries> {
  return new EntryNames(options).run(values, options.name)
}
