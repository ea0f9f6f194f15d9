import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFile, mkdir, symlink, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { findProgram } from './require-server.ts'
import type { SeededBlob, SeededDescriptor, SeededImage, SeededManifest, SeededPlatform, SeededRelease } from './seed-release.ts'
import { tempDir } from './temp-dir.ts'

/** What the image prints when it is run without arguments. */
export const busyboxLine = 'hello from busybox'

const prefix = 'application/vnd.oci.image'
const here = process.arch === 'arm64' ? 'arm64' : 'amd64'
const elsewhere = here === 'amd64' ? 'arm64' : 'amd64'

/**
 * Packs Debian's busybox-static as an image that runs, under each of the references (`docker.io/rancher/x:1`), for `pushRelease`.
 * Its index has this machine's platform last; the other one holds no program, so that a client that picks the wrong one cannot run it.
 */
export async function makeBusyboxRelease(references: readonly string[]): Promise<SeededRelease> {
  const manifests = await packed()
  const contents = manifests.flatMap(({ config, layers }) => [config, ...layers])
  const blobs = new Map(contents.map(({ digest, size }) => [digest, size]))
  return {
    images: references.map((reference) => nameImage(reference, manifests)),
    list: references.map((reference) => `${reference}\n`).join(''),
    blobs,
    bytes: [...blobs.values()].reduce((sum, size) => sum + size, 0),
  }
}

let once: Promise<readonly SeededManifest[]> | undefined

function packed(): Promise<readonly SeededManifest[]> {
  once ??= Promise.all([packText(), packBusybox()]).then(([text, busybox]) => [
    manifest({ os: 'linux', architecture: elsewhere }, text),
    manifest({ os: 'linux', architecture: here }, busybox),
  ])
  return once
}

async function packBusybox(): Promise<Buffer> {
  const busybox = findProgram('busybox')
  if (busybox === undefined) throw new Error('busybox is not installed; scripts/install-test-servers.sh installs it')
  await using directory = await tempDir()
  await mkdir(`${directory.path}/bin`)
  await copyFile(busybox, `${directory.path}/bin/busybox`)
  await Promise.all(['sh', 'echo'].map((name) => symlink('busybox', `${directory.path}/bin/${name}`)))
  return await archive(directory.path, 'bin')
}

async function packText(): Promise<Buffer> {
  await using directory = await tempDir()
  await writeFile(`${directory.path}/README`, `for ${elsewhere}, without a program\n`)
  return await archive(directory.path, 'README')
}

/** The same files make the same bytes. */
async function archive(directory: string, name: string): Promise<Buffer> {
  const fixed = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--mode=a+rX', '--format=ustar']
  const tar = promisify(execFile)('tar', [...fixed, '-C', directory, '-cf', '-', name], { encoding: 'buffer', maxBuffer: 1 << 26 })
  return (await tar).stdout
}

/** https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md */
function manifest(platform: SeededPlatform, layer: Buffer): SeededManifest {
  const layers = [blob(`${prefix}.layer.v1.tar+gzip`, gzipSync(layer))]
  const command = { Env: ['PATH=/bin'], Cmd: ['/bin/echo', busyboxLine] }
  const config = blob(
    `${prefix}.config.v1+json`,
    json({ ...platform, config: command, rootfs: { type: 'layers', diff_ids: [sha256(layer)] } }),
  )
  const mediaType = `${prefix}.manifest.v1+json`
  const bytes = json({ schemaVersion: 2, mediaType, config: descriptor(config), layers: layers.map(descriptor) })
  return { ...describe(mediaType, bytes), bytes, platform, attestation: false, config, layers }
}

function nameImage(reference: string, manifests: readonly SeededManifest[]): SeededImage {
  const [, repository, tag] = /^[^/]+\/(.+):([^:/]+)$/.exec(reference) ?? []
  if (repository === undefined || tag === undefined) throw new Error(`${reference} is not <registry>/<repository>:<tag>`)
  const mediaType = `${prefix}.index.v1+json`
  const entries = manifests.map(({ platform, ...child }) => ({ ...descriptor(child), platform }))
  const bytes = json({ schemaVersion: 2, mediaType, manifests: entries })
  return { reference, repository, tag, index: { ...describe(mediaType, bytes), bytes }, manifests }
}

function blob(mediaType: string, bytes: Buffer): SeededBlob {
  return { ...describe(mediaType, bytes), content: () => bytes }
}

function describe(mediaType: string, bytes: Buffer): SeededDescriptor {
  return { mediaType, digest: sha256(bytes), size: bytes.length }
}

function descriptor({ mediaType, digest, size }: SeededDescriptor): SeededDescriptor {
  return { mediaType, digest, size }
}

function json(document: object): Buffer {
  return Buffer.from(JSON.stringify(document))
}

function sha256(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}
