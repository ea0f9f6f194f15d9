import { dockerLoadTar } from '../bundle/docker-load-tar.ts'
import { JoinedSource } from '../bundle/joined-source.ts'
import type { Emit, ImageCopier } from '../copy/image-copier.ts'
import { runImages } from '../copy/run-images.ts'
import { openVerified } from '../copy/verified-content.ts'
import type { Engine } from '../engine/engine.ts'
import { MirrorError } from '../errors.ts'
import { parseGivenName } from '../layout/entry-name.ts'
import { readPlatform } from '../oci/config-platform.ts'
import type { Digest } from '../oci/digest.ts'
import { contentsOf, isContainerImage, isPullable, type Manifest } from '../oci/manifest.ts'
import { formatPlatform, matchesPlatform, type Platform } from '../oci/platform.ts'
import { atDigest, formatReference, withoutPin, type Reference } from '../oci/reference.ts'
import { referencesOf } from '../oci/walk.ts'
import type { NamedImage } from '../plan/collisions.ts'
import type { PlanStep } from '../plan/plan.ts'
import { describeFallbacks, selectEntries } from '../plan/platform-subset.ts'
import { openEngine, type EngineOptions } from './engine-route.ts'
import { selectArchived, type SelectedImages } from './select-archived.ts'
import { startRun, type MirrorRun } from './start-run.ts'

/** Options of `loadBundle`: the archives, what of them, and the Engine. */
export interface LoadBundleOptions extends EngineOptions {
  /** Bundles, and what `docker save`, `ctr images export` and skopeo write; plain, compressed or split. */
  readonly files: readonly string[]
  /** `registry/repository[:tag]` for images of the archives that have only a tag; with a tag also for a single one that has no name. */
  readonly name?: string | undefined
  /** Globs on `registry/repository:tag`. */
  readonly include?: readonly string[] | undefined
  readonly exclude?: readonly string[] | undefined
}

/** Images at once: an Engine unpacks them one after another anyway. */
const jobs = 2

/**
 * Loads the images of archives into a Docker Engine, for its own platform and under their own names, with the events and the report of `mirror`.
 * An image counts as loaded when the Engine has it by its digest.
 */
export function loadBundle(options: LoadBundleOptions): MirrorRun {
  return startRun('bundle load', options.signal, (emit, signal) => run({ ...options, signal }, emit))
}

async function run(options: LoadBundleOptions & { readonly signal: AbortSignal }, emit: Emit): Promise<void> {
  const started = performance.now()
  const { files, signal } = options
  const name = parseGivenName(options.name)
  await using archives = await JoinedSource.open(files, { name, signal })
  await refuseIncomplete(archives, options)
  const filtered = await selectArchived(archives, options)
  const reached = await openEngine(options)
  using engine = reached.engine
  const { apiVersion, store, platform } = engine.facts
  if (platform === undefined) throw new MirrorError('PROTOCOL', `the Docker Engine at ${reached.name} does not say its platform`)
  const loadable = await onlyLoadable(filtered, archives, signal)
  const images = loadable.images.map((source) => ({ source, destination: withoutPin(source) }))
  emit({
    type: 'run-started',
    destination: reached.name,
    images: images.map((image) => ({ image: formatReference(image.source), destination: formatReference(image.destination) })),
    engine: { apiVersion, store },
  })
  // A platform that is left out is no news here, so that the archives' own warnings are not told.
  for (const message of loadable.warnings) emit({ type: 'warning', message })
  try {
    await runImages({
      images,
      resolve: (image) => resolve(image, archives, { engine, platform, signal }),
      copier: loader(archives, engine),
      jobs,
      emit,
      signal,
    })
    for (const message of await archives.damage()) emit({ type: 'warning', message })
  } catch (error) {
    if (!signal.aborted) throw error
  }
  const requests = { source: 0, destination: 0 }
  emit({ type: 'run-finished', requests, seconds: (performance.now() - started) / 1000, interrupted: signal.aborted })
}

/** What an earlier bundle brought cannot be taken from an Engine. */
async function refuseIncomplete(archives: JoinedSource, { files, signal }: LoadBundleOptions): Promise<void> {
  const bases = await archives.bases({ signal })
  const lacking = bases.reduce((sum, { contents }) => sum + contents.length, 0)
  if (lacking === 0) return
  throw new MirrorError(
    'UNSUPPORTED',
    `${files.join(', ')}: made with --since, and ${lacking} of the manifests and blobs that an earlier bundle brought are not here; nothing was loaded`,
    { hint: 'Give the earlier bundle too: bundle load <earlier> <later>.' },
  )
}

/** What an Engine can run; of signatures, charts and other artifacts it says by name that they are left out. */
async function onlyLoadable(
  { images, companions, warnings }: SelectedImages,
  archives: JoinedSource,
  signal: AbortSignal,
): Promise<Pick<SelectedImages, 'images' | 'warnings'>> {
  const skipped = [...companions]
  const loadable: Reference[] = []
  for (const reference of images) {
    // What cannot be read fails when its turn comes.
    const root = await archives.getManifest(reference, { signal }).catch(() => undefined)
    if (root === undefined || isContainerImage(contentsOf(root))) loadable.push(reference)
    else skipped.push(reference)
  }
  const notices = skipped.map((reference) => `skipped ${formatReference(reference)}: a Docker Engine loads only container images`)
  return { images: loadable, warnings: [...warnings, ...notices] }
}

interface Place {
  readonly engine: Engine
  readonly platform: Platform
  readonly signal: AbortSignal
}

async function resolve(image: NamedImage, archives: JoinedSource, { engine, platform, signal }: Place): Promise<PlanStep> {
  const { source, destination } = image
  const name = formatReference(source)
  if (destination.digest !== undefined) {
    throw new MirrorError('UNSUPPORTED', `${name} has no tag, and an Engine loads images by their tag`, {
      hint: 'Put the image into the archive by a tag.',
    })
  }
  const root = await archives.getManifest(source, { signal })
  const { manifest, platform: named } = await choose(root, source, archives, { platform, signal })
  const contents = contentsOf(manifest)
  if (contents.kind !== 'image') throw new MirrorError('INVALID_MANIFEST', `${name} has an index where an image is to be`)
  const config = await readPlatform(archives, source, contents.config, { signal })
  // What an index says of its image counts, as for containerd.
  const own = named ?? config
  if (own === undefined || !matchesPlatform(own, platform)) {
    const has = own === undefined ? 'names no platform' : `is for ${formatPlatform(own)} alone`
    throw new MirrorError('NO_SUCH_PLATFORM', `${name} ${has}, and the Docker Engine runs ${formatPlatform(platform)}`, {
      hint: `Give an archive with ${formatPlatform(platform)}, or --exclude the image.`,
    })
  }
  const held = await engine.inspect(formatReference(destination), { signal })
  const blobs = [...new Map(referencesOf(contents).map((blob) => [blob.digest, blob])).values()]
  return {
    ...image,
    root: manifest.descriptor,
    state: held === undefined ? 'new' : held.id === idOf(manifest, engine) ? 'present' : 'changed',
    platforms: [formatPlatform(own)],
    digestPreserved: manifest.descriptor.digest === root.descriptor.digest && archives.isPreserved(source),
    contents: { manifests: [manifest], blobs, foreign: [] },
    warnings: describeFallbacks([{ platform: own }], [platform]),
  }
}

/** The manifest of the Engine's platform, and the platform that an index names for it. Throws NO_SUCH_PLATFORM. */
async function choose(
  root: Manifest,
  reference: Reference,
  archives: JoinedSource,
  { platform, signal }: Pick<Place, 'platform' | 'signal'>,
): Promise<{ readonly manifest: Manifest; readonly platform?: Platform | undefined }> {
  const contents = contentsOf(root)
  if (contents.kind === 'image') return { manifest: root }
  const entry = selectEntries(contents.manifests, [platform], formatReference(reference)).find(isPullable)
  if (entry === undefined) return { manifest: root }
  return { manifest: await archives.getManifest(atDigest(reference, entry.digest), { signal }), platform: entry.platform }
}

/** What an Engine calls the image: a classic store and Podman the digest of its config, one of containerd's that of its manifest. */
function idOf(manifest: Manifest, engine: Engine): Digest {
  const contents = contentsOf(manifest)
  return engine.facts.store !== 'containerd' && contents.kind === 'image' ? contents.config.digest : manifest.descriptor.digest
}

function loader(archives: JoinedSource, engine: Engine): ImageCopier {
  return {
    async copy({ source, destination, root, contents }, { emit, signal }) {
      const image = formatReference(source)
      const name = formatReference(destination)
      const manifest = contents.manifests[0] as Manifest
      const tar = (): AsyncIterable<Uint8Array> =>
        dockerLoadTar({ reference: destination, manifest }, (blob) => {
          const { digest, size } = blob
          return openVerified(archives, source, blob, {
            signal,
            onProgress: (bytes) => emit({ type: 'blob-progressed', image, digest, size, bytes }),
          })
        })
      await engine.load(name, tar, { signal, onLayer: (progress) => emit({ type: 'layer-progressed', image, ...progress }) })
      const loaded = await engine.inspect(name, { signal })
      if (loaded?.id !== idOf(manifest, engine)) {
        const has = loaded === undefined ? 'does not have it' : `has ${loaded.id} under that name`
        throw new MirrorError('PROTOCOL', `the Docker Engine says that it has loaded ${name}, and ${has}`, {
          side: 'destination',
          hint: "See the daemon's log.",
        })
      }
      for (const { digest, size } of contents.blobs) emit({ type: 'blob-copied', image, digest, size })
      emit({ type: 'manifest-copied', image, digest: root.digest, size: root.size })
      return { hasWritten: true, stored: { digest: root.digest } }
    },
  }
}
