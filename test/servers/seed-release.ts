import { createCipheriv, createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { plainRequest, type PlainRequest } from './http-request.ts'
import { k3sImages, type ImageKind, type ImageShape, type LayerShape } from './release-shapes.ts'

/** A descriptor as it stands in a manifest: https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md */
export interface SeededDescriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
  readonly urls?: readonly string[]
}

/** A platform as it stands in an index. */
export interface SeededPlatform {
  readonly os: string
  readonly architecture: string
  readonly variant?: string
  readonly 'os.version'?: string
}

/** A blob; its bytes are made again at every call, so that a large release is never held as a whole. */
export interface SeededBlob extends SeededDescriptor {
  /** Undefined for a foreign layer, which no registry holds. */
  readonly content: (() => Buffer) | undefined
}

/** A child manifest of an index. */
export interface SeededManifest extends SeededDescriptor {
  readonly bytes: Buffer
  readonly platform: SeededPlatform
  readonly attestation: boolean
  readonly config: SeededBlob
  readonly layers: readonly SeededBlob[]
}

/** One image: an index and all that it names. */
export interface SeededImage {
  /** `docker.io/<repository>:<tag>`. */
  readonly reference: string
  readonly repository: string
  readonly tag: string
  readonly index: SeededDescriptor & { readonly bytes: Buffer }
  readonly manifests: readonly SeededManifest[]
}

/** A release that was made up. */
export interface SeededRelease {
  readonly images: readonly SeededImage[]
  /** The image list, as `k3s-images.txt` has it. */
  readonly list: string
  /** Sizes of the blobs that a registry holds, by digest, each once. */
  readonly blobs: ReadonlyMap<string, number>
  /** Sum of `blobs`. */
  readonly bytes: number
}

/** What release to make up. */
export interface ReleaseOptions {
  /** Factor on all layer sizes; default 0.001, which makes some 300 KB. At 1 the sizes are near to the public images. */
  readonly scale?: number
  /** Another salt is another release: only shared layers stay the same. */
  readonly salt?: string
  readonly images?: readonly ImageShape[]
}

const mediaTypes = {
  oci: {
    index: 'application/vnd.oci.image.index.v1+json',
    manifest: 'application/vnd.oci.image.manifest.v1+json',
    config: 'application/vnd.oci.image.config.v1+json',
    layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
    foreign: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
  },
  docker: {
    index: 'application/vnd.docker.distribution.manifest.list.v2+json',
    manifest: 'application/vnd.docker.distribution.manifest.v2+json',
    config: 'application/vnd.docker.container.image.v1+json',
    layer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
    foreign: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  },
} as const

type MediaTypes = (typeof mediaTypes)['oci' | 'docker']

const linux: readonly SeededPlatform[] = [
  { architecture: 'amd64', os: 'linux' },
  { architecture: 'arm64', os: 'linux' },
  { architecture: 'arm', os: 'linux', variant: 'v7' },
]
const windows: readonly SeededPlatform[] = ['10.0.17763.6893', '10.0.20348.3207'].map((version) => ({
  architecture: 'amd64',
  os: 'windows',
  'os.version': version,
}))
const noPlatform: SeededPlatform = { architecture: 'unknown', os: 'unknown' }

/** Makes up a multi-platform release: the same options give the same bytes, on every machine. */
export function makeRelease(options: ReleaseOptions = {}): SeededRelease {
  const { scale = 0.001, salt = 'first', images: shapes = k3sImages } = options
  const images = shapes.map((shape) => makeImage(shape, scale, salt))
  const blobs = new Map<string, number>()
  for (const { manifests } of images) {
    for (const { config, layers } of manifests) {
      for (const blob of [config, ...layers]) if (blob.content !== undefined) blobs.set(blob.digest, blob.size)
    }
  }
  return {
    images,
    list: images.map((image) => `${image.reference}\n`).join(''),
    blobs,
    bytes: [...blobs.values()].reduce((sum, size) => sum + size, 0),
  }
}

/** Pushes a release to a registry (`http://127.0.0.1:5000`), blobs first, indexes by tag last; `prefix` goes before every repository. */
export async function pushRelease(
  registry: string,
  release: Pick<SeededRelease, 'images'>,
  options: { readonly prefix?: string; readonly request?: PlainRequest } = {},
): Promise<void> {
  const prefix = options.prefix === undefined ? '' : `${options.prefix}/`
  await Promise.all(release.images.map((image) => pushImage(`${registry}/v2/${prefix}${image.repository}`, image, options.request)))
}

/** Makes up a release and pushes it. */
export async function seedRelease(registry: string, options: ReleaseOptions = {}): Promise<SeededRelease> {
  const release = makeRelease(options)
  await pushRelease(registry, release)
  return release
}

function makeImage(shape: ImageShape, scale: number, salt: string): SeededImage {
  const { repository, tag, kind } = shape
  const types: MediaTypes = mediaTypes[kind === 'oci' || kind === 'attested' ? 'oci' : 'docker']
  const manifests = platformsOf(kind).flatMap((platform) => {
    const seed = `${salt}/${repository}/${label(platform)}`
    const child = makeChild(shape, types, platform, scale, seed)
    return kind === 'attested' ? [child, makeAttestation(child, types, scale, seed)] : [child]
  })
  const bytes = json({
    schemaVersion: 2,
    mediaType: types.index,
    manifests: manifests.map(({ mediaType, digest, size, platform, attestation }, position) => ({
      mediaType,
      digest,
      size,
      platform,
      ...(attestation && {
        annotations: {
          'vnd.docker.reference.type': 'attestation-manifest',
          'vnd.docker.reference.digest': manifests[position - 1]?.digest,
        },
      }),
    })),
  })
  return {
    reference: `docker.io/${repository}:${tag}`,
    repository,
    tag,
    index: { mediaType: types.index, digest: sha256(bytes), size: bytes.length, bytes },
    manifests,
  }
}

function makeChild(shape: ImageShape, types: MediaTypes, platform: SeededPlatform, scale: number, seed: string): SeededManifest {
  const archives = shape.layers.map((layer, position) => layerArchive(layer, platform, scale, `${seed}/${position}`))
  const layers = archives.map((archive) => blob(types.layer, () => gzipSync(archive(), { level: 0 })))
  const config = { ...platform, config: {}, rootfs: { type: 'layers', diff_ids: archives.map((archive) => sha256(archive())) } }
  return manifest(
    types,
    platform,
    blob(types.config, () => json(config)),
    shape.foreignLayer === true ? [foreign(types, seed), ...layers] : layers,
  )
}

function makeAttestation(child: SeededManifest, types: MediaTypes, scale: number, seed: string): SeededManifest {
  const statement = blob('application/vnd.in-toto+json', () =>
    json({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ digest: { sha256: child.digest.slice(7) } }],
      predicate: randomBytes(`${seed}/statement`, 0.1e6 * scale).toString('hex'),
    }),
  )
  const config = blob(types.config, () => json({ ...noPlatform, config: {}, rootfs: { type: 'layers', diff_ids: [statement.digest] } }))
  return { ...manifest(types, noPlatform, config, [statement]), attestation: true }
}

function manifest(types: MediaTypes, platform: SeededPlatform, config: SeededBlob, layers: readonly SeededBlob[]): SeededManifest {
  const bytes = json({ schemaVersion: 2, mediaType: types.manifest, config: descriptor(config), layers: layers.map(descriptor) })
  return { mediaType: types.manifest, digest: sha256(bytes), size: bytes.length, bytes, platform, attestation: false, config, layers }
}

function descriptor({ mediaType, digest, size, urls }: SeededDescriptor): SeededDescriptor {
  return { mediaType, digest, size, ...(urls !== undefined && { urls }) }
}

function blob(mediaType: string, content: () => Buffer): SeededBlob {
  const bytes = content()
  return { mediaType, digest: sha256(bytes), size: bytes.length, content }
}

function foreign(types: MediaTypes, seed: string): SeededBlob {
  const digest = sha256(Buffer.from(`${seed}/foreign`))
  return { mediaType: types.foreign, digest, size: 1234, urls: [`https://layers.example.com/${digest.slice(7)}`], content: undefined }
}

function platformsOf(kind: ImageKind): readonly SeededPlatform[] {
  return kind === 'windows' ? [...linux, ...windows] : linux
}

function label(platform: SeededPlatform): string {
  return [platform.os, platform.architecture, platform.variant, platform['os.version']].filter((part) => part !== undefined).join('/')
}

/** A tar archive of one file, because an Engine that unpacks a layer wants a true one: POSIX ustar. */
function layerArchive(layer: LayerShape, platform: SeededPlatform, scale: number, seed: string): () => Buffer {
  const name = layer.shared === undefined ? seed : `shared/${layer.shared}/${label(platform)}`
  return () => {
    const content = randomBytes(name, layer.megabytes * 1e6 * scale)
    const header = Buffer.alloc(512)
    header.write(`srv/${sha256(Buffer.from(name)).slice(7, 23)}`, 0)
    header.write('0000644\0' + '0000000\0'.repeat(2), 100)
    header.write(`${content.length.toString(8).padStart(11, '0')}\0${'0'.repeat(11)}\0${' '.repeat(8)}0`, 124)
    header.write('ustar\u000000', 257)
    const sum = header.reduce((total, byte) => total + byte, 0)
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
    return Buffer.concat([header, content, Buffer.alloc(512 * 3 - (content.length % 512 || 512))])
  }
}

function randomBytes(seed: string, size: number): Buffer {
  const key = createHash('sha256').update(seed).digest()
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(Math.max(48, Math.round(size))))
}

async function pushImage(repository: string, image: SeededImage, request: PlainRequest | undefined): Promise<void> {
  for (const manifest of image.manifests) {
    for (const blob of [manifest.config, ...manifest.layers]) await pushBlob(repository, blob, request)
    await put(`${repository}/manifests/${manifest.digest}`, manifest.bytes, manifest.mediaType, request)
  }
  await put(`${repository}/manifests/${image.tag}`, image.index.bytes, image.index.mediaType, request)
}

async function pushBlob(repository: string, { digest, content }: SeededBlob, request: PlainRequest | undefined): Promise<void> {
  if (content === undefined) return
  const post = await plainRequest(`${repository}/blobs/uploads/`, { ...request, method: 'POST' })
  if (post.status !== 202) throw new Error(`POST ${repository}/blobs/uploads/: ${post.status} ${post.body.toString()}`)
  const location = new URL(post.headers.location ?? '', repository).href
  await put(`${location}${location.includes('?') ? '&' : '?'}digest=${digest}`, content(), 'application/octet-stream', request)
}

async function put(url: string, body: Buffer, mediaType: string, request: PlainRequest | undefined): Promise<void> {
  const answer = await plainRequest(url, { ...request, method: 'PUT', body, headers: { ...request?.headers, 'content-type': mediaType } })
  if (answer.status !== 201) throw new Error(`PUT ${url}: ${answer.status} ${answer.body.toString()}`)
}

function json(document: object): Buffer {
  return Buffer.from(JSON.stringify(document))
}

function sha256(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}
