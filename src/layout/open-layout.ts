import { readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MirrorError, type MirrorErrorOptions } from '../errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { ImageDestination, ReadablePlace } from '../oci/image-destination.ts'
import type { ImageSource } from '../oci/image-source.ts'
import { maxManifestBytes } from '../oci/manifest.ts'
import { formatReference, type Reference, type Repository } from '../oci/reference.ts'
import { BlobStore, refuseLink } from './blob-store.ts'
import { Catalogue, type ManifestRecord } from './catalogue.ts'
import { DiskLayoutReader } from './disk-layout-reader.ts'
import { DiskLayout } from './disk-layout.ts'
import type { GivenName } from './entry-name.ts'
import { IndexFile } from './index-file.ts'
import { claimLayout, type LayoutClaim } from './layout-claim.ts'
import type { WritableLayout } from './layout-deletions.ts'
import type { Layout, LayoutReader } from './layout.ts'
import { errnoOf, isDirectory, isThere, localIo, openRegularFile, syncDirectory, withLocalIo } from './local-io.ts'
import { makeDirectory } from './make-directory.ts'
import { ManifestJournal } from './manifest-journal.ts'
import { storedLinks } from './manifest-links.ts'
import type { NamedEntry } from './name-entries.ts'
import { followLinks, refusePlanted } from './planted-files.ts'
import { Reserve } from './reserve.ts'

/** Private files of a layout, next to those of the specification: the writer's claim, the journal of manifests, and files on their way in. */
export const privateName = '.k3s-mirror'

/** How a layout is written. */
export interface OpenLayoutOptions {
  /** Whether what was stored survives a power cut (default); without it, it survives only the end of the process. */
  readonly durable?: boolean
}

/** How a layout is read. */
export interface ReadLayoutOptions {
  /** For entries of index.json that have only a tag; with a tag also for a single one that has no name. */
  readonly name?: GivenName | undefined
}

interface OpenedFiles extends Omit<WritableLayout, 'claim' | 'reserve'> {
  readonly adopted: readonly ManifestRecord[]
}

async function isLayout(directory: string): Promise<boolean> {
  const path = join(directory, 'oci-layout')
  const file = await openRegularFile(path)
  if (file === undefined) return false
  let version: unknown
  try {
    version = (JSON.parse(await file.handle.readFile('utf8')) as { imageLayoutVersion?: unknown } | null)?.imageLayoutVersion
  } catch (cause) {
    throw new MirrorError('INVALID_MANIFEST', `${path} is not JSON`, { cause })
  } finally {
    await file.handle.close()
  }
  if (version !== '1.0.0') throw new MirrorError('UNSUPPORTED', `${directory} is not an OCI layout of version 1.0.0`)
  return true
}

const maxDepth = 4

/** Catalogues the images that other tools put into index.json, with their children; the answer is what the journal did not know of. */
async function adoptEntries(blobs: BlobStore, catalogue: Catalogue, entries: readonly NamedEntry[]): Promise<ManifestRecord[]> {
  const records: ManifestRecord[] = []
  const adopt = async (repository: Repository, { digest, mediaType, size }: Descriptor, depth: number): Promise<void> => {
    if (depth > maxDepth || catalogue.find({ ...repository, digest }) !== undefined || (await blobs.size(digest)) !== size) return
    // An entry of index.json may call a Docker manifest by the OCI type: the manifest's own word counts.
    const links = await storedLinks(blobs, digest, depth === 1 ? undefined : mediaType)
    const found = { descriptor: { mediaType: links?.mediaType ?? mediaType, digest, size }, subject: links?.subject }
    catalogue.add(repository, found)
    records.push({ repository, ...found })
    for (const child of links?.manifests ?? []) await adopt(repository, child, depth + 1)
  }
  for (const { reference, descriptor } of entries) {
    const { registry, path, tag } = reference
    await adopt({ registry, path }, descriptor, 1)
    const isThere = catalogue.find({ registry, path, digest: descriptor.digest }) !== undefined
    if (tag !== undefined && isThere) catalogue.tag(reference, tag, descriptor.digest)
  }
  return records
}

async function openFiles(directory: string, durable: boolean, { name }: ReadLayoutOptions = {}): Promise<OpenedFiles> {
  const privateDirectory = join(directory, privateName)
  const blobs = new BlobStore(directory, join(privateDirectory, 'uploads'), durable)
  await blobs.checkDirectories()
  const index = new IndexFile(directory, durable)
  const journal = new ManifestJournal(join(privateDirectory, 'manifests.ndjson'), durable)
  const catalogue = new Catalogue()
  await journal.read(({ repository, descriptor, subject, deleted }) => {
    if (deleted === true) catalogue.remove(repository, descriptor.digest)
    else catalogue.add(repository, { descriptor, subject })
  })
  const { named, skipped, kept } = await index.read({ read: ({ digest }) => blobs.readWhole(digest, maxManifestBytes), name })
  const adopted = await adoptEntries(blobs, catalogue, named)
  const digests = named.flatMap(({ reference }) => (reference.tag === undefined ? [reference] : []))
  const pinned = new Map(digests.map((reference) => [formatReference(reference), reference]))
  return { directory, blobs, catalogue, index, journal, adopted, skipped, kept, pinned, releases: index.releases }
}

/** Opens a layout that another process may be writing to, as it is at this moment. Throws NOT_FOUND for a path that is missing or empty, USAGE for a file or another directory. */
export async function readDiskLayout(directory: string, options: ReadLayoutOptions = {}): Promise<DiskLayoutReader> {
  if (!(await isLayout(directory))) throw await noLayout(directory)
  return new DiskLayoutReader(await openFiles(directory, false, options))
}

/** What a layout has at this moment, for work that changes none of its files. Throws as `readDiskLayout` does. */
export async function openForPreview(directory: string): Promise<Omit<OpenedFiles, 'journal' | 'index' | 'adopted'>> {
  if (!(await isLayout(directory))) throw await noLayout(directory)
  return openFiles(directory, false)
}

/** Opens a layout for writing, as `openLayout` does, but makes none. */
export async function openExistingLayout(directory: string, options: OpenLayoutOptions = {}): Promise<Layout> {
  if (!(await isLayout(directory))) throw await noLayout(directory)
  return openLayout(directory, options)
}

/** `readDiskLayout`, as the interface of every layout. */
export function readLayout(directory: string, options: ReadLayoutOptions = {}): Promise<LayoutReader> {
  return readDiskLayout(directory, options)
}

async function noLayout(directory: string): Promise<MirrorError> {
  const facts = await stat(directory).catch(() => undefined)
  if (facts === undefined)
    return new MirrorError('NOT_FOUND', `"${directory}" does not exist`, { hint: 'check the name and the directory' })
  if (facts.isDirectory() && (await readdir(directory)).length === 0)
    return new MirrorError('NOT_FOUND', `"${directory}" is empty, not an OCI layout`, { hint: 'check the name and the directory' })
  return facts.isDirectory()
    ? new MirrorError('USAGE', `"${directory}" is not an OCI layout: the file oci-layout is missing`, {
        hint: 'pass a directory that k3s-mirror mirror options.to oci:<directory> has written',
      })
    : notDirectory(directory, { hint: `to copy the images of a bundle, run k3s-mirror bundle push ${directory} options.to <destination>` })
}

function notDirectory(path: string, options: MirrorErrorOptions): MirrorError {
  return new MirrorError('USAGE', `"${path}" is not a directory: an OCI layout is a directory`, options)
}

async function checkEmpty(directory: string): Promise<void> {
  const ours = new Set([privateName, 'blobs', 'index.json', 'lost+found'])
  if ((await readdir(directory)).some((name) => !ours.has(name))) {
    throw new MirrorError('USAGE', `"${directory}" is neither an OCI layout nor empty`, { hint: 'pass a new or an empty directory' })
  }
}

/** Opens a layout for a plan, without a claim or any write. A missing layout counts as empty. Throws USAGE for a foreign directory. */
export async function previewLayout(directory: string): Promise<ImageSource & ImageDestination> {
  if (await isLayout(directory)) return refusingWrites(new DiskLayoutReader(await openFiles(directory, false)), directory)
  if (await isThere(directory)) {
    if (!(await isDirectory(directory))) throw notDirectory(directory, { hint: 'pass a new or an empty directory' })
    await withLocalIo('read', directory, () => checkEmpty(directory))
  }
  const absent = async (reference: Reference): Promise<never> => {
    throw new MirrorError('NOT_FOUND', `there is no ${formatReference(reference)} in ${directory}`)
  }
  const empty = {
    headManifest: () => Promise.resolve(undefined),
    headBlob: () => Promise.resolve(false),
    getManifest: absent,
    getBlob: (repository: Repository) => absent(repository),
  }
  return refusingWrites(empty, directory)
}

/** What a plan looks at. */
function refusingWrites(layout: ReadablePlace, directory: string): ImageSource & ImageDestination {
  const refuse = async (): Promise<never> => {
    throw new MirrorError('INTERNAL', `the layout ${directory} is open for reading only`)
  }
  return {
    headManifest: (reference, options) => layout.headManifest(reference, options),
    getManifest: (reference, options) => layout.getManifest(reference, options),
    getBlob: (repository, descriptor, options) => layout.getBlob(repository, descriptor, options),
    headBlob: (repository, descriptor, options) => layout.headBlob(repository, descriptor, options),
    offerBlob: refuse,
    putManifest: refuse,
  }
}

/** Makes the files ready for the one writer; on a full disk too, where they are whole. */
async function prepareFiles(files: OpenedFiles, claim: LayoutClaim, reserve: Reserve): Promise<void> {
  const { blobs, catalogue, index, journal, adopted } = files
  await blobs.prepare(claim.isTakeover)
  if (claim.isTakeover) await reserve.spend(() => journal.replace(catalogue, claim.directory))
  else {
    await journal.openForWriting(() => claim.confirm())
    if (adopted.length > 0) await reserve.spend(() => journal.append(adopted))
  }
  await claim.endTakeover()
  await journal.compact(catalogue, claim.directory)
  await index.openForWriting(claim.directory)
}

/** Opens or makes a layout for writing, and takes over what a dead writer left. Throws LAYOUT_LOCKED, USAGE for a foreign directory, LOCAL_IO. */
export async function openLayout(directory: string, options: OpenLayoutOptions = {}): Promise<Layout> {
  const durable = options.durable ?? true
  const privateDirectory = join(directory, privateName)
  try {
    await followLinks(directory)
    const isNew = await makeDirectory(directory)
    if (!isNew && !(await isLayout(directory))) await checkEmpty(directory)
    await refuseLink(privateDirectory)
    await refusePlanted(privateDirectory)
    await makeDirectory(privateDirectory, 0o700)
  } catch (error) {
    throw errnoOf(error) === 'EEXIST'
      ? notDirectory(directory, { cause: error, hint: 'pass a new or an empty directory' })
      : await localIo(error, 'write', directory)
  }
  const reserve = new Reserve(join(privateDirectory, 'reserve'))
  const claim = await reserve.spend(() => claimLayout(privateDirectory))
  let files
  try {
    files = await openFiles(directory, durable)
    await prepareFiles(files, claim, reserve)
    // Last, so that a layout is either none yet or whole.
    if (!(await isLayout(directory)))
      await writeFile(join(directory, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}\n', { flag: 'wx', flush: durable })
    if (durable) for (const path of [privateDirectory, join(directory, 'blobs'), directory]) await syncDirectory(path)
    await reserve.fill(files.index.size + files.journal.size)
    return new DiskLayout({ ...files, claim, reserve })
  } catch (error) {
    await files?.journal.close()
    await claim.release()
    throw await localIo(error, 'write', directory)
  }
}
