import { orWrongOnce, retry } from '../async/retry.ts'
import { MirrorError } from '../errors.ts'
import { platformOf, readConfig } from '../oci/config-platform.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { ImageDestination } from '../oci/image-destination.ts'
import type { CallOptions, ImageSource } from '../oci/image-source.ts'
import { contentsOf, isForeignLayer, isPullable, type Manifest } from '../oci/manifest.ts'
import { formatPlatform, matchesPlatform, type Platform } from '../oci/platform.ts'
import { atDigest, formatReference, withoutPin, type Reference, type Repository } from '../oci/reference.ts'
import { referencesOf, walkImage } from '../oci/walk.ts'
import type { NamedImage } from './destination-names.ts'
import { existingRoot, listedPlatforms, type AskedDestination, type ExistingRoot } from './existing-root.ts'
import type { PlanStep } from './plan.ts'
import { describeFallbacks, selectEntries } from './platform-subset.ts'
import { readRoot, type ReadOptions } from './read-root.ts'

/** The contents found below a root. */
type ReadContents = Pick<PlanStep, 'contents' | 'platforms' | 'warnings'>

/** Reads an image, every manifest below its root once, without a destination. Throws NOT_FOUND, NO_SUCH_PLATFORM, INVALID_MANIFEST. */
export async function readImage(
  source: ImageSource,
  reference: Reference,
  options: ReadOptions = {},
): Promise<Pick<PlanStep, 'root' | 'digestPreserved'> & ReadContents & { readonly original: Descriptor }> {
  const found = reference.digest === undefined ? await source.headManifest(reference, { signal: options.signal }) : undefined
  const { root, original, digestPreserved } = await readRoot(source, reference, found, options)
  const contents = await readContents(source, reference, root, options)
  return { root: root.descriptor, original: original.descriptor, digestPreserved, ...contents }
}

/** Reads everything below a root, siblings in parallel, and the config of an image without an index. Throws NO_SUCH_PLATFORM, INVALID_MANIFEST. */
async function readContents(source: ImageSource, reference: Reference, root: Manifest, options: ReadOptions = {}): Promise<ReadContents> {
  const name = formatReference(reference)
  const refuse = (why: string): never => {
    throw new MirrorError('INVALID_MANIFEST', `${name} ${why}`, { side: 'source', subject: name })
  }
  const { wanted, foreignLayers = false } = options
  const reads = new Map<Digest, Promise<Manifest>>()
  const manifests = new Map<Digest, Manifest>()
  const blobs = new Map<Digest, Descriptor>()
  const foreign = new Map<Digest, Descriptor>()
  const found = new Set<string>()
  let warnings: readonly string[] = []
  const readOnce = (digest: Digest): Promise<Manifest> => {
    const read = reads.get(digest) ?? readChild(source, reference, digest, options)
    reads.set(digest, read)
    return read
  }
  const addBlob = (blob: Descriptor): void => {
    const known = blobs.get(blob.digest)
    if (known !== undefined && known.size !== blob.size) refuse(`declares two sizes for ${blob.digest}`)
    if (isForeignLayer(blob) && !foreignLayers) foreign.set(blob.digest, blob)
    else if (known === undefined) blobs.set(blob.digest, blob)
  }
  const single = contentsOf(root)
  if (single.kind === 'image') {
    const { config, platform } = await readSingle(source, reference, single.config, options)
    blobs.set(config.digest, config)
    if (platform !== undefined) found.add(formatPlatform(platform))
    if (wanted !== undefined && config.data !== undefined) warnings = describeFallbacks([{ platform }], wanted)
  }
  await walkImage(root.descriptor, {
    async read({ digest, size }, depth) {
      if (depth === 0) return root
      const child = await readOnce(digest)
      if (child.bytes.length !== size) refuse(`declares ${size} bytes for ${digest}, which has ${child.bytes.length} bytes`)
      return child
    },
    choose(entries, depth) {
      if (entries.length === 0) refuse('is an index without images')
      // Only the top index is reduced to a subset; its entries are read whole.
      const isSubset = wanted !== undefined && depth === 0
      const chosen = isSubset ? selectEntries(entries, wanted, name) : entries
      if (isSubset) warnings = describeFallbacks(entries, wanted)
      for (const { platform } of chosen.filter(isPullable)) if (platform !== undefined) found.add(formatPlatform(platform))
      // Read in parallel: the walk reports each failure later, or ends before.
      for (const { digest } of chosen) readOnce(digest).catch(() => undefined)
      return chosen
    },
    visit({ manifest, contents }) {
      if (contents.kind === 'image') referencesOf(contents).forEach(addBlob)
      manifests.set(manifest.descriptor.digest, manifest)
    },
    tooDeep: refuse,
  })
  return {
    contents: { manifests: [...manifests.values()], blobs: [...blobs.values()], foreign: [...foreign.values()] },
    platforms: [...found],
    warnings,
  }
}

async function readChild(source: ImageSource, reference: Reference, digest: Digest, { signal }: CallOptions): Promise<Manifest> {
  try {
    return await source.getManifest(atDigest(reference, digest), { signal })
  } catch (error) {
    if (!(error instanceof MirrorError) || error.code !== 'NOT_FOUND') throw error
    const subject = formatReference(reference)
    throw new MirrorError('NOT_FOUND', `${subject} is incomplete at the source: ${digest} of its index is missing`, {
      side: 'source',
      subject,
      reason: 'it is incomplete at the source: a manifest of its index is missing',
      hint: 'choose the complete platforms with options.platforms, or read from another copy with options.from',
      cause: error,
    })
  }
}

/** An image without an index declares its platform only in its config; the bytes are kept, so that they are not fetched twice. */
async function readSingle(
  source: ImageSource,
  reference: Reference,
  config: Descriptor,
  { wanted, signal }: ReadOptions,
): Promise<{ readonly config: Descriptor; readonly platform: Platform | undefined }> {
  const data = await retry(() => readConfig(source, reference, config, { signal }), { signal, isTransient: orWrongOnce() })
  if (data === undefined) return { config, platform: undefined }
  const platform = platformOf(data)
  if (wanted !== undefined && !wanted.some((one) => platform !== undefined && matchesPlatform(platform, one))) {
    const asked = wanted.map(formatPlatform).join(', ')
    const why =
      platform === undefined
        ? `does not declare its platform; requested: ${asked}`
        : `is only for ${formatPlatform(platform)}, not for ${asked}`
    const subject = formatReference(reference)
    throw new MirrorError('NO_SUCH_PLATFORM', `${subject} ${why}`, {
      subject,
      hint: 'choose an available platform with options.platforms, or exclude the image with options.exclude',
    })
  }
  return { config: { ...config, data }, platform }
}

/** What to do with a tag that names other content at the destination. */
export type IfChanged = 'replace' | 'fail' | 'skip'

/** The parts of an image to read, how thoroughly it is compared, and what becomes of a tag that has moved. */
export interface ResolveOptions extends ReadOptions {
  /** Read an image even where the destination has its root. */
  readonly recheck?: boolean | undefined
  /** Default: `replace`. */
  readonly ifChanged?: IfChanged | undefined
  /** Read the platforms of an image that the destination has. */
  readonly describePresent?: boolean | undefined
  /** Gives what the destination has under the name, where that was asked before. */
  readonly existing?: (() => Promise<ExistingRoot | undefined>) | undefined
  /** Ask the source also what a name with a digest stands for: in an archive it may be a part of that image. */
  readonly namesDecide?: boolean | undefined
}

const nothing: ReadContents = { contents: { manifests: [], blobs: [], foreign: [] }, platforms: [] }

/** Resolves an image to the step that brings it to the destination: one HEAD on either side where it is present, with a known digest only at the destination; otherwise it is read once. Throws TAG_MOVED with `ifChanged` `fail`. */
export async function resolveImage(
  image: NamedImage,
  source: ImageSource,
  destination: AskedDestination,
  options: ResolveOptions = {},
): Promise<PlanStep> {
  const { wanted, sparse = false, recheck = false, ifChanged = 'replace', signal } = options
  const { locked, namesDecide = false } = options
  // Registries state sha256 digests, also for content that was asked for by another one.
  const pinned = image.source.digest?.startsWith('sha256:') === true && !namesDecide ? image.source.digest : undefined
  const [found, existing] = await Promise.all([
    pinned === undefined ? source.headManifest(image.source, { signal }) : undefined,
    options.existing?.() ?? lookUpExisting(image, destination, options),
  ])
  const isCopiedWhole = wanted === undefined || sparse
  const expected = locked?.digest ?? (isCopiedWhole ? (pinned ?? found?.digest) : undefined)
  if (existing !== undefined && existing.descriptor.digest === expected && !recheck) {
    const digestPreserved = expected === (pinned ?? found?.digest)
    return { ...image, root: found ?? existing.descriptor, state: 'present', digestPreserved, ...nothing, platforms: existing.platforms }
  }
  const { root, digestPreserved } = await readRoot(source, image.source, found, options)
  const step = { ...image, root: root.descriptor, digestPreserved }
  if (existing !== undefined && existing.descriptor.digest !== root.descriptor.digest) {
    const previous = existing.descriptor.digest
    if (ifChanged === 'fail') throw tagMoved(image, previous, root.descriptor.digest)
    if (ifChanged === 'skip') return { ...step, state: 'skipped', previous, ...nothing, platforms: listedPlatforms(root) }
    return { ...step, state: 'changed', previous, ...(await readContents(source, image.source, root, options)) }
  }
  const state = existing === undefined ? 'new' : 'present'
  const below =
    state === 'present' && !recheck
      ? { ...nothing, platforms: listedPlatforms(root) }
      : await readContents(source, image.source, root, options)
  return { ...step, state, ...below }
}

/** Asks the destination for the root of an image, by one request. */
export function lookUpExisting(
  image: NamedImage,
  destination: AskedDestination,
  { locked, describePresent: describe, signal }: Pick<ResolveOptions, 'locked' | 'describePresent' | 'signal'> = {},
): Promise<ExistingRoot | undefined> {
  return existingRoot(destination, nameAtDestination(image, locked?.digest), { describe, signal })
}

/** What the destination is asked for: the tag, or the digest that an image without a tag has there. */
function nameAtDestination({ destination }: NamedImage, digest: Digest | undefined): Reference {
  return destination.tag === undefined && digest !== undefined ? atDigest(destination, digest) : withoutPin(destination)
}

function tagMoved(image: NamedImage, previous: Digest, digest: Digest): MirrorError {
  const subject = formatReference(image.source)
  return new MirrorError('TAG_MOVED', `${subject}: the tag has moved: the destination has ${previous}, the source ${digest}`, {
    side: 'destination',
    subject,
    hint: 'pass options.ifChanged replace to overwrite the tag, or options.ifChanged skip to keep it',
  })
}

/** The blobs of a step that the destination's repository lacks. */
export async function missingBlobs(
  step: PlanStep,
  destination: Pick<ImageDestination, 'headBlob'>,
  options: CallOptions = {},
): Promise<readonly Descriptor[]> {
  return lackedBy(step.destination, step.contents.blobs, destination, options)
}

/** Those of the missing blobs that the destination has where the image was formerly, and can mount from there. */
export async function mountableBlobs(
  { formerly }: PlanStep,
  missing: readonly Descriptor[],
  destination: Pick<ImageDestination, 'headBlob'>,
  options: CallOptions = {},
): Promise<readonly Descriptor[]> {
  if (formerly === undefined) return []
  const headBlob: ImageDestination['headBlob'] = async (...asked) => {
    // A mirror uploads what it cannot mount, so a failed look-up only means an upload.
    const isHeld = await destination.headBlob(...asked).catch(() => false)
    options.signal?.throwIfAborted()
    return isHeld
  }
  const lacked = new Set(await lackedBy(formerly, missing, { headBlob }, options))
  return missing.filter((blob) => !lacked.has(blob))
}

async function lackedBy(
  repository: Repository,
  blobs: readonly Descriptor[],
  destination: Pick<ImageDestination, 'headBlob'>,
  options: CallOptions,
): Promise<readonly Descriptor[]> {
  const present = await Promise.all(blobs.map((blob) => destination.headBlob(repository, blob, options)))
  return blobs.filter((_, index) => present[index] !== true)
}
