import { lstat, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Content } from '../async/content.ts'
import { parseKitFiles, type KitFile } from '../bundle/bundle-record.ts'
import { VerifiedContents } from '../bundle/verified-contents.ts'
import { MirrorError } from '../errors.ts'
import type { BlobRange } from '../layout/blob-store.ts'
import { fileContent } from '../layout/file-content.ts'
import { errnoOf, openRegularFile, withLocalIo } from '../layout/local-io.ts'
import { isJsonObject, parseJson } from '../oci/json-object.ts'

/** Where a directory lists the files of its kits, so that nothing else in it is served. */
export const kitListName = 'k3s-mirror-kit.json'

function invalid(path: string, cause?: unknown): MirrorError {
  return new MirrorError('INVALID_MANIFEST', `${path} is not a list of the files of kits`, {
    cause,
    hint: 'remove it and push the kits again: k3s-mirror kit push <kit> options.to oci:<directory>',
  })
}

/** The files of kits that a directory holds, in the order of their paths; undefined without a list of them. Throws INVALID_MANIFEST, LOCAL_IO. */
export async function readKitList(directory: string): Promise<readonly KitFile[] | undefined> {
  const path = join(directory, kitListName)
  const text = await withLocalIo('read', path, () =>
    readFile(path, 'utf8').catch((error: unknown) => (errnoOf(error) === 'ENOENT' ? undefined : Promise.reject(error))),
  )
  if (text === undefined) return undefined
  const document = parseJson(text, (cause) => invalid(path, cause))
  if (!isJsonObject(document) || document['schemaVersion'] !== 1 || !Array.isArray(document['files'])) throw invalid(path)
  try {
    return parseKitFiles(document['files'])
  } catch (cause) {
    throw invalid(path, cause)
  }
}

/** A list that readKitList reads. */
export function formatKitList(files: readonly KitFile[]): string {
  return `${JSON.stringify({ schemaVersion: 1, files }, null, 1)}\n`
}

/** The place of a file of a kit below a directory. */
export function kitFilePath(directory: string, { path }: Pick<KitFile, 'path'>): string {
  return join(directory, ...path.split('/'))
}

/** True where a part of the path below the directory is a symbolic link, which could lead out of it. */
export async function isBehindLink(directory: string, file: Pick<KitFile, 'path'>): Promise<boolean> {
  const parts = file.path.split('/')
  for (let count = 1; count <= parts.length; count++) {
    const facts = await lstat(join(directory, ...parts.slice(0, count))).catch(() => undefined)
    if (facts?.isSymbolicLink() === true) return true
  }
  return false
}

/** The files of kits in a directory, read by its list as it is at each moment. */
export class KitDirectory {
  readonly #directory: string
  readonly #contents = new VerifiedContents()
  #known: { readonly stamp: string; readonly files: readonly KitFile[] } | undefined

  constructor(directory: string) {
    this.#directory = directory
  }

  /** The files at this moment: a push replaces the list. Throws as readKitList. */
  async list(): Promise<readonly KitFile[]> {
    const facts = await lstat(join(this.#directory, kitListName), { bigint: true }).catch(() => undefined)
    const stamp = `${facts?.ino} ${facts?.mtimeNs}`
    if (this.#known?.stamp !== stamp) this.#known = { stamp, files: (await readKitList(this.#directory)) ?? [] }
    return this.#known.files
  }

  /** A file or some of its bytes; undefined where it is missing, or a link. INTEGRITY replaces the last chunk of a damaged one. */
  async read(file: KitFile, range?: BlobRange): Promise<Content | undefined> {
    const path = kitFilePath(this.#directory, file)
    const facts = (await isBehindLink(this.#directory, file)) ? undefined : await lstat(path, { bigint: true }).catch(() => undefined)
    if (facts === undefined) return undefined
    const stamp = `${facts.ino} ${facts.size} ${facts.mtimeNs} ${facts.ctimeNs}`
    const wrong = (): MirrorError =>
      new MirrorError('INTEGRITY', `${path} does not match its digest ${file.digest}`, { hint: 'push the kit again' })
    return this.#contents.read(file, { open: (part) => this.#open(path, part), wrong, stamp }, range)
  }

  async #open(path: string, { offset = 0, length, signal }: BlobRange): Promise<Content | undefined> {
    const found = await openRegularFile(path)
    if (found === undefined) return undefined
    return fileContent(found.handle, { path, offset, size: length ?? found.stats.size - offset, signal })
  }
}

/** The error for a place without files of kits. */
export function notKit(place: string): MirrorError {
  return new MirrorError('UNSUPPORTED', `${place} is not a kit, and no kit was pushed there: it has images only`, {
    hint: 'serve the images with k3s-mirror serve, or push a kit first: k3s-mirror kit push <kit> options.to oci:<directory>',
  })
}

/** Opens the files of the kits in a directory. Throws UNSUPPORTED where no kit was pushed there, and as readKitList. */
export async function openKitDirectory(directory: string): Promise<KitDirectory> {
  if ((await readKitList(directory)) === undefined) throw notKit(directory)
  return new KitDirectory(directory)
}
