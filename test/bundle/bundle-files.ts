import { mkdir, open, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { create } from 'tar'
import { formatBundleIndex, layoutVersion } from '../../src/bundle/bundle-contents.ts'
import { formatBundleRecord } from '../../src/bundle/bundle-record.ts'
import { parseReference } from '../../src/oci/reference.ts'
import type { TinyImage } from '../layout/tiny-image.ts'
import { tempDir, type TempDir } from '../servers/temp-dir.ts'

/** The files of a bundle that holds these images by their names, as they lie in its archive. */
export function bundleFiles(images: Readonly<Record<string, TinyImage>>): Record<string, string | Uint8Array> {
  const named = Object.entries(images).map(([name, { root }]) => ({ reference: parseReference(name), ...root.descriptor }))
  const record = { tool: 'test', lists: [], images: named.map((image) => ({ ...image, platforms: [], digestPreserved: true })) }
  const bytes = formatBundleRecord(record)
  const files: Record<string, string | Uint8Array> = {
    'oci-layout': layoutVersion,
    'index.json': formatBundleIndex(record, bytes),
    'k3s-mirror.json': bytes,
  }
  for (const { blobs, manifests } of Object.values(images))
    for (const { bytes, descriptor } of [...manifests, ...blobs]) files[`blobs/${descriptor.digest.replace(':', '/')}`] = bytes
  return files
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
