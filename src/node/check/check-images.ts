import { open } from 'node:fs/promises'
import { posix } from 'node:path'
import { readImportedNames } from '../../bundle/archive-image-names.ts'
import { isMirrorError, systemReason } from '../../errors.ts'
import { formatReference, parseReference, type Reference } from '../../oci/reference.ts'
import { escaped } from '../../text/printable.ts'
import type { NodeSettings } from '../node-settings.ts'
import { counted, nodeFinding, type NodeFinding, type NodeFindingId } from './finding.ts'
import { cacheName, importState, parseImageCache, type CachedFile, type ImportState } from './image-cache.ts'
import { unreadableFinding, type NodeEntry, type NodeFiles } from './node-files.ts'
import { extraRegistries, retaggedNames } from './retagged-names.ts'

/** A file of the images directory. */
export interface CheckedImageFile {
  /** The path on the node. */
  readonly path: string
  /** What the file is; `list`: a .txt file, whose images are pulled. */
  readonly kind: 'archive' | 'list'
  /** Bytes. */
  readonly size: number
  /** Why K3s imports the file when it starts; `unchanged`: it does not. */
  readonly state: ImportState
  /** The images that the file names; null where the names cannot be read here. */
  readonly images: readonly string[] | null
  /** Further names that K3s gives to them. */
  readonly retagged: readonly string[]
}

/** The endings of archives that K3s imports, in lower case only, and how each is decompressed. https://github.com/rancher/wharfie/blob/main/pkg/tarfile/tarfile.go */
const endings: readonly (readonly [ending: string, compression: string | undefined])[] = [
  ['.tar', undefined],
  ['.tar.lz4', 'lz4'],
  ['.tar.bz2', 'bzip2'],
  ['.tbz', 'bzip2'],
  ['.tar.gz', 'gzip'],
  ['.tgz', 'gzip'],
  ['.tar.zst', 'zstd'],
  ['.tzst', 'zstd'],
]

const mostDepth = 16
const mostFiles = 2000
const maxListBytes = 4 * 1024 * 1024

const whenImported: Readonly<Record<ImportState, readonly [id: NodeFindingId, text: string]>> = {
  always: ['image-archive-imported', 'K3s imports it at every start'],
  unchanged: ['image-archive-unchanged', 'unchanged since the last import: K3s skips it'],
  new: ['image-archive-changed', `not in ${cacheName}: K3s imports it when it sees it, at its next start at the latest`],
  changed: ['image-archive-changed', `changed since the last import: K3s imports it when it sees it, at its next start at the latest`],
  fraction: [
    'image-archive-reimported',
    `K3s imports it at every start, because its time has a fraction of a second, which ${cacheName} does not keep`,
  ],
}

interface Context {
  readonly files: NodeFiles
  readonly registries: readonly string[]
  readonly cache: ReadonlyMap<string, CachedFile> | undefined
  readonly signal: AbortSignal | undefined
}

/** Every file below a directory, as K3s finds it, links followed. */
async function walk(
  files: NodeFiles,
  directory: string,
  findings: NodeFinding[],
  seen: Set<string> = new Set(),
  depth = 0,
): Promise<{ path: string; entry: NodeEntry }[]> {
  const entries = await files.list(directory)
  if (typeof entries === 'string') {
    const unread = unreadableFinding(directory, entries)
    if (unread !== undefined) findings.push(unread)
    return []
  }
  const found: { path: string; entry: NodeEntry }[] = []
  for (const entry of entries) {
    const path = posix.join(directory, entry.name)
    if (found.length >= mostFiles) break
    if (entry.kind !== 'directory') found.push({ path, entry })
    else if (depth < mostDepth && !seen.has(entry.at)) found.push(...(await walk(files, path, findings, seen.add(entry.at), depth + 1)))
  }
  return found
}

function shownNames(names: readonly string[]): string {
  const more = names.length > 3 ? ` and ${names.length - 3} more` : ''
  return `${names.slice(0, 3).map(escaped).join(', ')}${more}`
}

async function checkArchive(
  path: string,
  entry: NodeEntry,
  compression: string | undefined,
  { registries, cache, signal }: Context,
): Promise<{ file: CheckedImageFile; findings: NodeFinding[] }> {
  const state = importState(cache, path, entry)
  const [id, when] = whenImported[state]
  const make = (images: readonly Reference[] | null, findings: NodeFinding[]): { file: CheckedImageFile; findings: NodeFinding[] } => {
    const retagged = (images ?? []).flatMap((image) => retaggedNames(image, registries))
    return { file: { path, kind: 'archive', size: entry.size, state, images: images && images.map(formatReference), retagged }, findings }
  }
  if (compression === 'lz4' || compression === 'bzip2') {
    const message = `${when}. Its names were not read, because k3s-mirror does not decompress ${compression}`
    return make(null, [nodeFinding('image-archive-unknown-names', path, message)])
  }
  // What this user may not read, K3s can.
  const denied = await open(entry.at).then((file) => file.close(), systemReason)
  const unread = denied === undefined ? undefined : unreadableFinding(path, denied)
  if (unread !== undefined) return make(null, [unread])
  try {
    const { compression: actual, names, skipped } = await readImportedNames(entry.at, { signal })
    if (actual !== compression) {
      const [is, needs] = [actual ?? 'not compressed', compression ?? 'no compression']
      const message = `K3s cannot import it: its name says ${needs}, but the content is ${is}`
      return make(names, [
        nodeFinding('image-archive-compression', path, message, { fix: 'rename the file by its compression: .tar, .tar.gz or .tar.zst' }),
      ])
    }
    const untagged = names.filter(({ tag }) => tag === undefined).length + skipped.length
    const all = names.map(formatReference)
    const extra = names.flatMap((image) => retaggedNames(image, registries))
    const also = extra.length === 0 ? '' : `, also as ${shownNames(extra)}`
    const fix = state === 'fraction' ? `run touch -d @${Math.floor(entry.modified / 1000)} on this file` : undefined
    const findings = [nodeFinding(id, path, `${when}: ${counted(names.length, 'image')}: ${shownNames(all)}${also}`, { fix })]
    if (untagged > 0 || names.length === 0) {
      const what =
        names.length === 0 && skipped.length === 0
          ? 'names no image'
          : `has ${counted(untagged, 'image')} without a full name and tag, which K3s cannot tag`
      findings.push(
        nodeFinding('image-archive-without-names', path, what, {
          fix: 'write the archive again with full names, as in docker.io/library/alpine:3.20',
        }),
      )
    }
    return make(names, findings)
  } catch (error) {
    if (!isMirrorError(error) || error.code === 'CANCELLED') throw error
    const reason = (error.reason ?? error.message).replaceAll(entry.at, posix.basename(path))
    return make(null, [
      nodeFinding('image-archive-unreadable', path, `K3s cannot import it: ${escaped(reason)}`, {
        fix: 'copy the file again, and compare its checksum',
      }),
    ])
  }
}

function parseName(line: string): Reference | undefined {
  try {
    return parseReference(line)
  } catch (error) {
    if (isMirrorError(error)) return undefined
    throw error
  }
}

async function checkList(
  path: string,
  entry: NodeEntry,
  { files, registries, cache }: Context,
): Promise<{ file: CheckedImageFile; findings: NodeFinding[] }> {
  const state = importState(cache, path, entry)
  const read = await files.read(path, maxListBytes)
  if (typeof read === 'string') {
    const finding = unreadableFinding(path, read)
    return {
      file: { path, kind: 'list', size: entry.size, state, images: null, retagged: [] },
      findings: finding === undefined ? [] : [finding],
    }
  }
  const lines = read.text.split('\n').map((line, index) => ({ text: line.trim(), number: index + 1 }))
  const parsed = lines.filter(({ text }) => text !== '').map(({ text, number }) => ({ number, name: parseName(text) }))
  const names = parsed.flatMap(({ name }) => name ?? [])
  const wrong = parsed.filter(({ name }) => name === undefined)
  const findings = [
    nodeFinding(
      'image-list',
      path,
      `K3s pulls ${counted(names.length, 'image')} of this list when it starts${state === 'unchanged' ? ', unless it has them' : ''}`,
    ),
  ]
  if (wrong.length > 0) {
    const message = `K3s skips ${counted(wrong.length, 'line')} without an image name, the first one is line ${wrong[0]?.number}`
    findings.push(nodeFinding('image-list-invalid', path, message, { fix: 'write one image name a line, without comments' }))
  }
  const images = names.map(formatReference)
  return {
    file: { path, kind: 'list', size: entry.size, state, images, retagged: names.flatMap((name) => retaggedNames(name, registries)) },
    findings,
  }
}

/** Reads the images directory of a node: which files K3s imports, when, and under which names. */
export async function checkImages(
  files: NodeFiles,
  directory: string,
  settings: NodeSettings,
  signal?: AbortSignal,
): Promise<{ readonly images: readonly CheckedImageFile[]; readonly findings: readonly NodeFinding[] }> {
  const findings: NodeFinding[] = []
  const cachePath = posix.join(directory, cacheName)
  const cacheFile = await files.read(cachePath, 64 * 1024 * 1024)
  const cache = typeof cacheFile === 'string' ? undefined : parseImageCache(cacheFile.text)
  if (typeof cacheFile === 'string') {
    const unread = unreadableFinding(cachePath, cacheFile)
    if (unread !== undefined) findings.push(unread)
  } else if (cache === undefined) {
    findings.push(
      nodeFinding('image-cache-invalid', cachePath, 'is not valid: K3s ignores it and imports every file at its next start', {
        fix: 'empty the file: K3s fills it again',
      }),
    )
  }
  const context: Context = {
    files,
    registries: extraRegistries(settings),
    cache: cache ?? (typeof cacheFile === 'string' ? undefined : new Map()),
    signal,
  }
  const found = await walk(files, directory, findings)
  const images: CheckedImageFile[] = []
  for (const { path, entry } of found) {
    if (entry.name === cacheName) continue
    const [, compression] = endings.find(([ending]) => path.endsWith(ending)) ?? []
    const isArchive = endings.some(([ending]) => path.endsWith(ending))
    if (!isArchive && !path.endsWith('.txt')) {
      const message = 'K3s does not import it: the name must end in .tar, .tar.gz, .tar.zst, .tar.bz2, .tar.lz4 or .txt, in lower case'
      findings.push(nodeFinding('image-file-ignored', path, message, { fix: 'rename the file, or remove it' }))
    } else if (entry.kind !== 'file') {
      const message =
        entry.kind === 'missing' ? 'K3s cannot import it: the link leads to no file' : 'K3s cannot import it: it is not a regular file'
      findings.push(nodeFinding('image-archive-unreadable', path, message, { fix: 'remove it, or replace it with the file' }))
    } else {
      const checked = isArchive ? await checkArchive(path, entry, compression, context) : await checkList(path, entry, context)
      images.push(checked.file)
      findings.push(...checked.findings)
    }
  }
  const stale = [...(cache?.keys() ?? [])].filter((path) => !images.some((file) => file.path === path))
  if (stale.length > 0)
    findings.push(
      nodeFinding(
        'image-cache-stale',
        cachePath,
        `names ${counted(stale.length, 'file')} that no longer exist: K3s removes the names at its next start`,
      ),
    )
  return { images, findings }
}
