import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { MirrorError } from '../errors.ts'
import { errnoOf, isThere, localIo } from '../layout/local-io.ts'

/** A part of a bundle that was split. */
export interface BundlePart {
  /** Name of its file, in the directory of the list. */
  readonly name: string
  /** SHA-256 of its content, in hexadecimal digits. */
  readonly sha256: string
}

/** The name of a part, counted from 1: `k3s.tar.001`. */
export function partName(file: string, number: number): string {
  return `${file}.${String(number).padStart(3, '0')}`
}

/** The bundle that a path means: the path of a part or of the list of parts names the bundle that they are of. */
export function wholeFile(path: string): string {
  return path.replace(/\.(?:[0-9]{3,}|sha256)$/, '')
}

/** Where the list of a bundle's parts lies. */
export function partListPath(file: string): string {
  return `${file}.sha256`
}

/** The list of parts, as `sha256sum --check` reads it. */
export function formatPartList(parts: readonly BundlePart[]): string {
  return parts.map(({ name, sha256 }) => `${sha256}  ${name}\n`).join('')
}

/** The parts of a bundle in their order; undefined where it has no list. Throws INTEGRITY for one that names other files, LOCAL_IO. */
export async function readPartList(file: string): Promise<readonly BundlePart[] | undefined> {
  const path = partListPath(file)
  let text
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined
    throw await localIo(error, 'read', path)
  }
  const parts = text.split(/\r?\n/).flatMap((line) => {
    const [, sha256, name] = /^([0-9a-f]{64}) [ *](.+)$/.exec(line) ?? []
    return sha256 === undefined || name === undefined ? [] : [{ sha256, name }]
  })
  if (parts.length === 0 || parts.some(({ name }, index) => name !== partName(basename(file), index + 1))) {
    throw new MirrorError('INTEGRITY', `${path} is not the list of the parts of ${basename(file)}`, {
      hint: `copy it again, or join the parts: cat ${basename(file)}.[0-9]* > ${basename(file)}`,
    })
  }
  return parts
}

/** The parts of a bundle, named by it, a part or their list; undefined where the path means a file as it is. Throws INTEGRITY for a wrong list, LOCAL_IO. */
export async function findParts(path: string): Promise<readonly BundlePart[] | undefined> {
  const file = wholeFile(path)
  if (path === file) return (await isThere(file)) ? undefined : readPartList(file)
  if (path === partListPath(file)) return readPartList(file)
  const parts = await readPartList(file).catch(async (error: unknown) => {
    if (await isThere(path)) return undefined
    throw error
  })
  return parts?.some(({ name }) => name === basename(path)) === true ? parts : undefined
}
