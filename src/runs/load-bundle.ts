import { dockerLoadTar } from '../bundle/docker-load-tar.ts'
import { JoinedSource } from '../bundle/joined-source.ts'
import { openEngine, type EngineOptions } from '../connect/engine.ts'
import type { CopyOptions, CopyOutcome } from '../copy/image-copier.ts'
import { openVerified } from '../copy/verified-content.ts'
import type { Engine } from '../engine/engine.ts'
import { MirrorError } from '../errors.ts'
import { readPlatform } from '../oci/config-platform.ts'
import type { Digest } from '../oci/digest.ts'
import { contentsOf, isContainerImage, isPullable, type Manifest } from '../oci/manifest.ts'
import { formatPlatform, matchesPlatform, type Platform } from '../oci/platform.ts'
import { atDigest, formatReference, withoutPin, type Reference } from '../oci/reference.ts'
import { referencesOf } from '../oci/walk.ts'
import type { NamedImage } from '../plan/destination-names.ts'
import type { PlanStep } from '../plan/plan.ts'
import { describeFallbacks, selectEntries } from '../plan/platform-subset.ts'
import { checkOptions } from './check-options.ts'
import { defaultJobs, type ArchiveOptions } from './options.ts'
import type { Route } from './route.ts'
import { selectArchived, type SelectedImages } from './select-archived.ts'
import { startRun, type MirrorRun, type RunContext } from './start-run.ts'

/** Options of `loadBundle`: the archives, what of them, and the Engine. */
export interface LoadBundleOptions extends ArchiveOptions, EngineOptions {}

/** Archives on their way into an Engine. */
interface Loading {
  readonly archives: JoinedSource
  readonly engine: Engine
  /** The Engine's own. */
  readonly platform: Platform
  readonly signal: AbortSignal
}

/** Loads the images of archives into a Docker Engine, for its own platform; one counts as loaded when the Engine has it by its digest. */
export function loadBundle(options: LoadBundleOptions): MirrorRun {
  checkOptions(options, ['files'])
  return startRun('bundle load', options.signal, (run) => load(options, run))
}

async function load(options: LoadBundleOptions, { signal, follow }: RunContext): Promise<void> {
  await using archives = await JoinedSource.open(options.files, { name: options.name, signal })
  await refuseIncomplete(archives, options.files, signal)
  const selected = await selectArchived(archives, options, signal)
  const reached = await openEngine({ ...options, signal })
  using engine = reached.engine
  const { apiVersion, store, platform } = engine.facts
  if (platform === undefined) throw new MirrorError('PROTOCOL', `the Docker Engine at ${reached.name} does not report its platform`)
  const loading = { archives, engine, platform, signal }
  // Left-out platforms are expected here, so the archives' own warnings are not shown.
  const { images, warnings } = await onlyLoadable(selected, loading)
  const route: Route<PlanStep> = {
    resolve: (image) => resolve(image, loading),
    copier: { copy: (step, copyOptions) => loadImage(step, loading, copyOptions) },
    end: async () => (signal.aborted ? [] : archives.damage()),
  }
  const named = images.map((source) => ({ source, destination: withoutPin(source) }))
  const { docker: jobs } = defaultJobs
  const retries = options.retry?.retries
  const plan = { destination: reached.name, images: named, lists: [], warnings, jobs, retries, engine: { apiVersion, store } }
  await follow(plan, (copyImages) => copyImages(route))
}

/** What an earlier bundle brought cannot be taken from an Engine. */
async function refuseIncomplete(archives: JoinedSource, files: readonly string[], signal: AbortSignal): Promise<void> {
  const bases = await archives.bases({ signal })
  const lacking = bases.reduce((sum, { contents }) => sum + contents.length, 0)
  if (lacking === 0) return
  throw new MirrorError(
    'UNSUPPORTED',
    `${files.join(', ')}: created with options.since, but ${lacking} manifests and blobs of an earlier bundle are missing; nothing was loaded`,
    { hint: 'pass the earlier bundle too: bundle load <earlier> <later>' },
  )
}

/** What an Engine can run; of signatures, charts and other artifacts it says by name that they are left out. */
async function onlyLoadable(
  { images, companions, warnings }: SelectedImages,
  { archives, signal }: Loading,
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

async function resolve(image: NamedImage, { archives, engine, platform: wanted, signal }: Loading): Promise<PlanStep> {
  const { source, destination } = image
  const name = formatReference(source)
  if (destination.digest !== undefined) {
    throw new MirrorError('UNSUPPORTED', `${name} has no tag, and an Engine loads images by their tag`, {
      subject: name,
      hint: 'export the image again by its tag',
    })
  }
  const root = await archives.getManifest(source, { signal })
  const offered = contentsOf(root)
  const entry = offered.kind === 'index' ? selectEntries(offered.manifests, [wanted], name).find(isPullable) : undefined
  const manifest = entry === undefined ? root : await archives.getManifest(atDigest(source, entry.digest), { signal })
  const contents = contentsOf(manifest)
  if (contents.kind !== 'image') throw new MirrorError('INVALID_MANIFEST', `${name} has an index in place of an image`, { subject: name })
  const config = await readPlatform(archives, source, contents.config, { signal })
  // What an index says of its image counts, as for containerd.
  const found = entry?.platform ?? config
  if (found === undefined || !matchesPlatform(found, wanted)) {
    const has = found === undefined ? 'names no platform' : `is only for ${formatPlatform(found)}`
    throw new MirrorError('NO_SUCH_PLATFORM', `${name} ${has}, and the Docker Engine runs ${formatPlatform(wanted)}`, {
      subject: name,
      hint: `pass an archive with ${formatPlatform(wanted)}, or exclude the image with options.exclude`,
    })
  }
  const held = await engine.inspect(formatReference(destination), { signal })
  const blobs = [...new Map(referencesOf(contents).map((blob) => [blob.digest, blob])).values()]
  return {
    ...image,
    root: manifest.descriptor,
    state: held === undefined ? 'new' : held.id === idOf(manifest, engine) ? 'present' : 'changed',
    platforms: [formatPlatform(found)],
    digestPreserved: manifest === root && archives.isPreserved(source),
    contents: { manifests: [manifest], blobs, foreign: [] },
    warnings: describeFallbacks([{ platform: found }], [wanted]),
  }
}

/** What an Engine calls the image: a classic store and Podman the digest of its config, one of containerd's that of its manifest. */
function idOf(manifest: Manifest, engine: Engine): Digest {
  const contents = contentsOf(manifest)
  return engine.facts.store !== 'containerd' && contents.kind === 'image' ? contents.config.digest : manifest.descriptor.digest
}

async function loadImage(
  { source, destination, root, contents }: PlanStep,
  { archives, engine }: Loading,
  { emit, signal }: CopyOptions,
): Promise<CopyOutcome> {
  const image = formatReference(source)
  const name = formatReference(destination)
  const manifest = contents.manifests[0] as Manifest
  const tar = (): AsyncIterable<Uint8Array> =>
    dockerLoadTar({ reference: destination, manifest }, (blob) => {
      const { digest, size } = blob
      const onProgress = (bytes: number): void => emit({ type: 'blob-progressed', image, digest, size, bytes })
      return openVerified(archives, source, blob, { signal, onProgress })
    })
  await engine.load(name, tar, { signal, onLayer: (progress) => emit({ type: 'layer-progressed', image, ...progress }) })
  const loaded = await engine.inspect(name, { signal })
  if (loaded?.id !== idOf(manifest, engine)) {
    const has = loaded === undefined ? 'does not have it' : `has ${loaded.id} under that name`
    throw new MirrorError('PROTOCOL', `the Docker Engine reports that it loaded ${name}, but ${has}`, {
      side: 'destination',
      subject: name,
      hint: "check the daemon's log",
    })
  }
  for (const { digest, size } of contents.blobs) emit({ type: 'blob-copied', image, digest, size })
  emit({ type: 'manifest-copied', image, digest: root.digest, size: root.size })
  return { hasWritten: true, stored: { digest: root.digest } }
}
