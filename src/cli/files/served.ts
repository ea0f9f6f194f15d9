import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { findParts, partListPath, wholeFile } from '../../bundle/part-list.ts'
import { ServedBundle } from '../../bundle/served-bundle.ts'
import { MirrorError } from '../../errors.ts'
import { parseGivenName } from '../../layout/entry-name.ts'
import type { Layout, LayoutReader } from '../../layout/layout.ts'
import { freeBytes } from '../../layout/local-io.ts'
import type { SkippedEntry } from '../../layout/name-entries.ts'
import { openLayout, readLayout } from '../../layout/open-layout.ts'
import type { Digest } from '../../oci/digest.ts'

/** What `serve` was told to serve, opened. */
export interface Served extends AsyncDisposable {
  readonly reader: LayoutReader | Layout
  /** Entries of a layout that are not served. */
  readonly skipped: readonly SkippedEntry[]
  /** Of a layout that is written to: aborted once another process has taken it over. */
  readonly lost?: AbortSignal
  /** Of a layout that is written to: bytes that are free on its file system. */
  readonly freeBytes?: () => Promise<number | undefined>
  /** The releases and lists that the images are of; a layout does not say. */
  readonly lists?: readonly string[]
  /** The file whose time is that of the tags. */
  readonly namesPath: string
  /** The file whose time is that of the content. */
  readonly contentPath: (digest: Digest) => string
}

/** True for a file and for the name of one that is split. */
async function isFile(path: string): Promise<boolean> {
  const facts = await stat(path).catch(() => undefined)
  return facts === undefined ? (await findParts(path)) !== undefined : !facts.isDirectory()
}

async function openBundle(file: string): Promise<Served> {
  // Of a bundle in parts, their list was written last.
  const dated = (await findParts(file)) === undefined ? file : partListPath(wholeFile(file))
  const reader = await ServedBundle.open(file)
  return {
    reader,
    skipped: [],
    lists: reader.lists.map(({ name }) => name),
    namesPath: dated,
    contentPath: () => dated,
    [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose](),
  }
}

async function openDirectory(directory: string, { writable, name }: ServeOptions): Promise<Served> {
  const layout = writable ? await openLayout(directory) : undefined
  const reader = layout ?? (await readLayout(directory, { name: parseGivenName(name) }))
  return {
    reader,
    skipped: reader.skipped,
    ...(layout && { lost: layout.lost, freeBytes: () => freeBytes(directory) }),
    namesPath: join(directory, 'index.json'),
    contentPath: (digest) => join(directory, 'blobs', ...digest.split(':')),
    [Symbol.asyncDispose]: async () => layout?.close(),
  }
}

/** How what is served is opened. */
export interface ServeOptions {
  readonly writable: boolean
  /** `registry/repository[:tag]` for entries of a layout that have only a tag; with a tag also for a single one that has no name. */
  readonly name?: string | undefined
}

/** Opens a layout, or a bundle, which is what a file is taken for; throws USAGE for options that do not go together, and what opening either throws. */
export async function openServed(place: string, options: ServeOptions): Promise<Served> {
  const { writable, name } = options
  if (name !== undefined && writable) {
    throw new MirrorError('USAGE', 'a writable layout cannot be served with --name', {
      hint: 'Leave out --writable: entries of other tools are kept as they are.',
    })
  }
  if (!(await isFile(place))) return openDirectory(place, options)
  if (name !== undefined) throw new MirrorError('USAGE', `--name is for a layout, and ${place} is a bundle, which has all names`)
  if (writable) {
    throw new MirrorError('USAGE', `${place} is a file, and a bundle is served read-only`, {
      hint: 'Leave out --writable; or put its images into a layout with "bundle push --to oci:<directory>", and serve that.',
    })
  }
  return openBundle(place)
}
