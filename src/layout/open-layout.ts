import { mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { MirrorError } from '../errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { maxManifestBytes } from '../oci/manifest.ts'
import { adoptEntries } from './adopt-entries.ts'
import { BlobStore, refuseLink, syncDirectory } from './blob-store.ts'
import { Catalogue, type ManifestRecord } from './catalogue.ts'
import { DiskLayoutReader, type LayoutParts } from './disk-layout-reader.ts'
import { DiskLayout } from './disk-layout.ts'
import type { GivenName } from './entry-name.ts'
import { openRegularFile } from './file-content.ts'
import { IndexFile } from './index-file.ts'
import { claimLayout, type LayoutClaim } from './layout-claim.ts'
import type { Layout, LayoutReader } from './layout.ts'
import { errnoOf, localIo } from './local-io.ts'
import { ManifestJournal } from './manifest-journal.ts'
import { followLinks, refusePlanted } from './planted-files.ts'
import { Reserve } from './reserve.ts'

/** What is ours in a layout, beside what the specification names: the writer's lock, the journal of manifests, and files on their way in. */
const privateName = '.k3s-mirror'

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

interface OpenedFiles extends LayoutParts {
  readonly index: IndexFile
  readonly journal: ManifestJournal
  readonly unnamed: readonly Descriptor[]
  readonly adopted: readonly ManifestRecord[]
}

/** Whether the directory is a layout of a version that is understood. */
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

async function openFiles(directory: string, durable: boolean, { name }: ReadLayoutOptions = {}): Promise<OpenedFiles> {
  const privateDirectory = join(directory, privateName)
  const blobs = new BlobStore(directory, join(privateDirectory, 'uploads'), durable)
  await blobs.checkDirectories()
  const index = new IndexFile({ directory, durable })
  const journal = new ManifestJournal(join(privateDirectory, 'manifests.ndjson'), durable)
  const catalogue = new Catalogue()
  await journal.read(({ repository, descriptor, subject, deleted }) => {
    if (deleted === true) catalogue.remove(repository, descriptor.digest)
    else catalogue.add(repository, { descriptor, subject })
  })
  const { named, skipped, unnamed } = await index.read({ read: ({ digest }) => blobs.readWhole(digest, maxManifestBytes), name })
  const adopted = await adoptEntries(blobs, catalogue, named)
  return { directory, blobs, catalogue, index, journal, adopted, skipped, unnamed }
}

/** Opens a layout that others may be writing to, as it is at this moment; throws NOT_FOUND where there is none. */
export async function readLayout(directory: string, options: ReadLayoutOptions = {}): Promise<LayoutReader> {
  if (!(await isLayout(directory))) {
    throw new MirrorError('NOT_FOUND', `there is no OCI layout at ${directory}`, {
      hint: 'An OCI layout is a directory with the files oci-layout and index.json; a bundle is a file.',
    })
  }
  return new DiskLayoutReader(await openFiles(directory, false, options))
}

/** Throws USAGE where a directory that is no layout has other things in it. */
async function checkEmpty(directory: string): Promise<void> {
  const others = (await readdir(directory)).filter(
    (name) => name !== privateName && name !== 'blobs' && name !== 'index.json' && name !== 'lost+found',
  )
  if (others.length > 0) {
    throw new MirrorError('USAGE', `${directory} is not an OCI layout, and not empty`, { hint: 'Name a new or an empty directory.' })
  }
}

/**
 * Makes a directory and what it stands in; true when it was not there. Step by step, because Node's own recursion never ends where
 * nothing can be made, as in /proc.
 */
async function makeDirectory(directory: string): Promise<boolean> {
  try {
    await mkdir(directory)
    return true
  } catch (error) {
    const parent = dirname(resolve(directory))
    const code = errnoOf(error)
    if (code === 'EEXIST') {
      if ((await stat(directory)).isDirectory()) return false
      throw error
    }
    if (code !== 'ENOENT' || (await isDirectory(parent))) throw error
    await makeDirectory(parent)
    await mkdir(directory)
    return true
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (facts) => facts.isDirectory(),
    () => false,
  )
}

/** Makes the files ready for the one writer; on a full disk too, where they are whole. */
async function prepareFiles(
  { blobs, catalogue, index, journal, adopted }: OpenedFiles,
  lock: LayoutClaim,
  reserve: Reserve,
): Promise<void> {
  await blobs.prepare({ isTakeover: lock.isTakeover })
  if (lock.isTakeover) await reserve.spend(() => journal.replace(catalogue, lock.claim))
  else {
    await journal.openForWriting(() => lock.confirm())
    if (adopted.length > 0) await reserve.spend(() => journal.append(adopted))
  }
  await lock.endTakeover()
  await journal.compact(catalogue, lock.claim)
  await index.openForWriting(lock.claim)
}

/**
 * Opens a layout for writing, and makes one where there is none. One process at a time: throws LAYOUT_LOCKED while another one writes;
 * what a writer that died has left is taken over and cleaned. Throws USAGE for a directory with other things in it, and LOCAL_IO.
 */
export async function openLayout(directory: string, options: OpenLayoutOptions = {}): Promise<Layout> {
  const durable = options.durable ?? true
  const privateDirectory = join(directory, privateName)
  try {
    await followLinks(directory)
    const isNew = await makeDirectory(directory)
    if (!isNew && !(await isLayout(directory))) await checkEmpty(directory)
    await refuseLink(privateDirectory)
    await refusePlanted(privateDirectory)
    await mkdir(privateDirectory, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw errnoOf(error) === 'EEXIST'
      ? new MirrorError('USAGE', `${directory} is not a directory`, { cause: error })
      : await localIo(error, 'write', directory)
  }
  const reserve = new Reserve(join(privateDirectory, 'reserve'))
  const lock = await reserve.spend(() => claimLayout(privateDirectory))
  let files
  try {
    files = await openFiles(directory, durable)
    await prepareFiles(files, lock, reserve)
    // Last, so that a layout is either none yet or whole.
    if (!(await isLayout(directory)))
      await writeFile(join(directory, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}\n', { flag: 'wx', flush: durable })
    if (durable) for (const path of [privateDirectory, join(directory, 'blobs'), directory]) await syncDirectory(path)
    await reserve.fill(files.index.size + files.journal.size)
    return new DiskLayout({ ...files, lock, reserve })
  } catch (error) {
    await files?.journal.close()
    await lock.release()
    throw await localIo(error, 'write', directory)
  }
}
