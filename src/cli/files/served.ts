import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { findParts, partListPath, wholeFile } from '../../bundle/part-list.ts'
import { ServedBundle } from '../../bundle/served-bundle.ts'
import { isMirrorError, MirrorError } from '../../errors.ts'
import { parseGivenName } from '../../layout/entry-name.ts'
import type { Layout, LayoutReader } from '../../layout/layout.ts'
import { freeBytes, isThere } from '../../layout/local-io.ts'
import type { SkippedEntry } from '../../layout/name-entries.ts'
import { openLayout, readLayout } from '../../layout/open-layout.ts'
import type { Digest } from '../../oci/digest.ts'
import type { ServedFiles } from '../../registry-server/served-files.ts'
import { layoutOfFile, missingLayout } from './missing-layout.ts'

/** A layout or a bundle, opened to be served. */
export interface Served extends AsyncDisposable {
  readonly reader: LayoutReader | Layout
  /** Entries of a layout that are not served. */
  readonly skipped: readonly SkippedEntry[]
  /** For a writable layout: aborted once another process has taken it over. */
  readonly lost?: AbortSignal
  /** For a writable layout: free bytes on its file system. */
  readonly freeBytes?: () => Promise<number | undefined>
  /** The files of a kit, or of the kits in a directory; undefined where they are not asked for. */
  readonly files?: ServedFiles
  /** The releases and lists of a bundle. */
  readonly lists?: readonly string[]
  /** The file whose modification time is that of the tags. */
  readonly namesPath: string
  /** The file whose modification time is that of the content. */
  readonly contentPath: (digest: Digest) => string
}

/** True for a file and for the name of a split bundle. */
async function isFile(path: string): Promise<boolean> {
  const facts = await stat(path).catch(() => undefined)
  return facts === undefined ? (await findParts(path)) !== undefined : !facts.isDirectory()
}

async function openBundle(file: string, isKit: boolean): Promise<Served> {
  // A split bundle is complete once its list of parts is written.
  const dated = (await findParts(file)) === undefined ? file : partListPath(wholeFile(file))
  const reader = await ServedBundle.open(file)
  const { files } = reader
  if (isKit && files === undefined) {
    await reader[Symbol.asyncDispose]()
    throw (await import('../../kit/kit-directory.ts')).notKit(file)
  }
  const served = { list: () => Promise.resolve(files ?? []), read: reader.readFile.bind(reader) }
  return {
    reader,
    skipped: [],
    ...(isKit && { files: served }),
    lists: reader.lists.map(({ name }) => name),
    namesPath: dated,
    contentPath: () => dated,
    [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose](),
  }
}

async function readExisting(directory: string, name: string | undefined): Promise<LayoutReader> {
  const given = parseGivenName(name)
  try {
    return await readLayout(directory, { name: given })
  } catch (error) {
    throw isMirrorError(error) && !(await isThere(join(directory, 'oci-layout'))) ? await missingLayout(directory, error) : error
  }
}

async function openDirectory(directory: string, { writable, name, isKit }: ServeOptions): Promise<Served> {
  const layout = writable ? await openLayout(directory) : undefined
  const reader = layout ?? (await readExisting(directory, name))
  return {
    reader,
    ...(isKit === true && { files: await (await import('../../kit/kit-directory.ts')).openKitDirectory(directory) }),
    skipped: reader.skipped,
    ...(layout && { lost: layout.lost, freeBytes: () => freeBytes(directory) }),
    namesPath: join(directory, 'index.json'),
    contentPath: (digest) => join(directory, 'blobs', ...digest.split(':')),
    [Symbol.asyncDispose]: async () => layout?.close(),
  }
}

/** How a layout or a bundle is opened. */
export interface ServeOptions {
  readonly writable: boolean
  /** `registry/repository[:tag]` for entries of a layout that have only a tag; with a tag also for a single entry without a name. */
  readonly name?: string | undefined
  /** The files of kits are served too; requires a kit, or a directory that one was pushed to. */
  readonly isKit?: boolean
}

/** Opens a layout, as a directory or `oci:<directory>`, or a bundle. Throws USAGE for options that exclude each other, NOT_FOUND, and what opening a layout or a bundle throws. */
export async function openServed(given: string, options: ServeOptions): Promise<Served> {
  const { writable, name } = options
  const place = given.replace(/^oci:(?=.)/, '')
  if (name !== undefined && writable) {
    throw new MirrorError('USAGE', '--name cannot be used with --writable', {
      hint: 'remove --writable, or remove --name: a writable layout does not name its entries',
    })
  }
  if (!(await isFile(place))) return openDirectory(place, options)
  const layout = await layoutOfFile(place)
  if (layout !== undefined)
    throw new MirrorError('USAGE', `${place} is a file of an OCI layout`, { hint: `pass the directory: k3s-mirror serve ${layout}` })
  if (name !== undefined)
    throw new MirrorError('USAGE', `--name requires a layout: the images of the bundle ${place} have full names`, {
      hint: 'remove --name',
    })
  if (writable) {
    throw new MirrorError('USAGE', `a bundle cannot be served with --writable: ${place} is a file`, {
      hint: `remove --writable, or push the bundle to a layout and serve that: k3s-mirror bundle push ${place} --to oci:<directory>`,
    })
  }
  return openBundle(place, options.isKit === true)
}
