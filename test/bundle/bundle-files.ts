import { mkdir, open, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { create } from 'tar'
import { formatBundleIndex, layoutVersion } from '../../src/bundle/bundle-contents.ts'
import { formatBundleRecord, type BundleBase, type KitFile } from '../../src/bundle/bundle-record.ts'
import { sha256 } from '../../src/oci/digest.ts'
import { parseReference } from '../../src/oci/reference.ts'
import type { TinyImage } from '../layout/tiny-image.ts'
import { tempDir, type TempDir } from '../servers/temp-dir.ts'

/** What a kit has next to its images, and what it leaves out because an earlier one brought it. */
export interface TestKit {
  readonly files: Readonly<Record<string, Uint8Array | string>>
  readonly base?: BundleBase
}

/** A file of a kit as its record names it. */
export function kitFile(path: string, content: Uint8Array | string): KitFile {
  const bytes = Buffer.from(content)
  const release = /^k3s\/([^/]+)\//.exec(path)?.[1]
  const executable = /\/k3s(?:-arm64)?$|\.sh$/.test(path)
  return { path, digest: sha256(bytes), size: bytes.length, ...(release !== undefined && { release }), ...(executable && { executable }) }
}

/** The files of a bundle that holds these images by their names, as they lie in its archive; with `kit`, of a kit. */
export function bundleFiles(images: Readonly<Record<string, TinyImage>>, kit?: TestKit): Record<string, string | Uint8Array> {
  const named = Object.entries(images).map(([name, { root }]) => ({ reference: parseReference(name), ...root.descriptor }))
  const files = kit && Object.entries(kit.files).map(([path, content]) => kitFile(path, content))
  const record = {
    tool: 'test',
    lists: [],
    images: named.map((image) => ({ ...image, platforms: [], digestPreserved: true })),
    ...(files && { files }),
    ...(kit?.base && { base: kit.base }),
  }
  const bytes = formatBundleRecord(record)
  const packed: Record<string, string | Uint8Array> = {
    ...kit?.files,
    'oci-layout': layoutVersion,
    'index.json': formatBundleIndex(record, bytes),
    'k3s-mirror.json': bytes,
  }
  for (const { blobs, manifests } of Object.values(images))
    for (const { bytes, descriptor } of [...manifests, ...blobs]) packed[`blobs/${descriptor.digest.replace(':', '/')}`] = bytes
  return packed
}

/** Writes files below a directory and packs them with an archiver that is not ours. */
export async function packTar(files: Readonly<Record<string, string | Uint8Array>>): Promise<{ readonly path: string } & AsyncDisposable> {
  const directory: TempDir = await tempDir()
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(`${directory.path}/${name}`), { recursive: true })
    await directory.write(name, typeof content === 'string' ? content : Buffer.from(content))
  }
  const path = `${directory.path}/packed.tar`
  await create({ file: path, cwd: directory.path, portable: true }, Object.keys(files))
  return { path, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() }
}

/** Turns the lowest bit of one byte. */
export async function flipBit(path: string, at: number): Promise<void> {
  const handle = await open(path, 'r+')
  const byte = Buffer.alloc(1)
  await handle.read(byte, 0, 1, at)
  byte[0] = (byte[0] ?? 0) ^ 1
  await handle.write(byte, 0, 1, at)
  await handle.close()
}

/** Where a text stands in a file. */
export async function placeOf(path: string, text: string | Uint8Array): Promise<number> {
  const at = (await readFile(path)).indexOf(text)
  if (at === -1) throw new Error(`${path} does not hold that`)
  return at
}
