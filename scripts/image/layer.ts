import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { Header } from 'tar'
import { blockBytes, paddedSize } from '../../src/bundle/tar-map.ts'
import { sha256, type Digest } from '../../src/oci/digest.ts'

/** A file or directory of a layer. */
export interface LayerEntry {
  /** Without a slash at the start: `etc/passwd`. */
  readonly path: string
  /** Undefined for a directory. */
  readonly bytes?: Buffer
  /** Default: 0644, of a directory 0755. */
  readonly mode?: number
  /** Number of the user and of the group that it belongs to; default: root. */
  readonly owner?: number
}

/** A compressed layer: https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md */
export interface Layer {
  readonly bytes: Buffer
  readonly digest: Digest
  /** Digest of the tar before it was compressed. */
  readonly diffId: Digest
}

/** Packs files, and the directories above them, in the order of their paths and without times, so that the same files are the same tar in every version. */
export function packFiles(files: readonly LayerEntry[]): Buffer {
  const entries = new Map(files.map((file) => [file.path, file]))
  for (const { path } of files)
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      const parent = path.slice(0, end)
      if (!entries.has(parent)) entries.set(parent, { path: parent })
    }
  const sorted = [...entries.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1))
  return Buffer.concat([...sorted.flatMap(tarParts), Buffer.alloc(2 * blockBytes)])
}

/** Compresses a tar; the same tar gives the same bytes in the same version of Node. */
export async function makeLayer(tar: Buffer): Promise<Layer> {
  const bytes = await promisify(gzip)(tar, { level: 6 })
  return { bytes, digest: sha256(bytes), diffId: sha256(tar) }
}

function tarParts({ path, bytes, mode, owner = 0 }: LayerEntry): readonly Buffer[] {
  const isFile = bytes !== undefined
  const size = bytes?.length ?? 0
  const header = Buffer.alloc(blockBytes)
  const needsPax = new Header({
    path: isFile ? path : `${path}/`,
    size,
    mode: mode ?? (isFile ? 0o644 : 0o755),
    uid: owner,
    gid: owner,
    mtime: new Date(0),
    type: isFile ? 'File' : 'Directory',
  }).encode(header)
  if (needsPax) throw new Error(`${path} is too long for a layer`)
  return isFile ? [header, bytes, Buffer.alloc(paddedSize(size) - size)] : [header]
}
