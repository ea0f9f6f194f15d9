import { randomBytes } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { VerifyReport } from '../../src/report/verify-report.ts'
import { startRegistry, type TestRegistry } from '../registry-server/start-registry.ts'
import { startDockerRegistry, type DockerRegistry, type DockerRegistryOptions } from '../servers/docker-registry.ts'
import { k3sImages } from '../servers/release-shapes.ts'
import { runCli, type CliResult } from '../servers/run-cli.ts'
import { seedRelease, type SeededImage, type SeededRelease } from '../servers/seed-release.ts'
import { tempDir, type TempDir } from '../servers/temp-dir.ts'

/** What the destination is, and how `mirror` logs in to it. */
export interface MirroredOptions extends DockerRegistryOptions {
  readonly env?: Readonly<Record<string, string>>
  /** A registries.yaml for `mirror`. */
  readonly registries?: (host: string) => object
}

/** Something is wrong at the destination until this is disposed of. */
export interface Damage extends AsyncDisposable {
  /** For messages. */
  readonly what: string
}

/** A small release that the program itself has mirrored to a docker-registry, under the prefix `mirror`. */
export interface MirroredRelease extends AsyncDisposable {
  readonly release: SeededRelease
  /** klipper-lb: three platforms. */
  readonly image: SeededImage
  /** The names of its images by their own registry, which is `from` itself. */
  readonly references: readonly string[]
  readonly from: TestRegistry
  readonly to: DockerRegistry
  readonly directory: TempDir
  /** The report of the mirror run. */
  readonly mirrorReport: string
  /** Verifies the images, `--to` the destination unless other arguments are given. */
  verify(more?: readonly string[], where?: readonly string[]): Promise<CliResult>
  /** The same, and reads the report. */
  verifyJson(more?: readonly string[], where?: readonly string[]): Promise<CliResult & { readonly report: VerifyReport }>
  /** Takes something out of the destination's repository of the image; a tag by its name. */
  remove(kind: 'blob' | 'manifest' | 'tag', name: string): Promise<Damage>
  /** Points the image's tag to one of its manifests. */
  moveTag(digest: string): Promise<Damage>
  /** Changes one bit of a blob on disk. */
  flipBit(digest: string): Promise<Damage>
  /** Writes a registries.yaml for a node: every image comes from the destination, and `config` is for its host. */
  nodeFile(config?: object, mirror?: object): Promise<string>
}

async function overwrite(path: string, change: (bytes: Buffer) => Buffer): Promise<Damage> {
  const before = await readFile(path)
  await writeFile(path, change(before))
  return { what: `${path} has changed`, [Symbol.asyncDispose]: () => writeFile(path, before) }
}

/** Seeds a registry and mirrors from it. */
export async function mirroredRelease(options: MirroredOptions = {}): Promise<MirroredRelease> {
  const { env = {}, registries, ...docker } = options
  const [from, to, directory] = await Promise.all([startRegistry(), startDockerRegistry(docker), tempDir()])
  const release = await seedRelease(from.url, { images: k3sImages.slice(1, 2).concat(k3sImages.slice(4, 5)) })
  const [image] = release.images
  if (image === undefined) throw new Error('the release has no image')
  const references = release.images.map(({ repository, tag }) => `${from.host}/${repository}:${tag}`)
  const mirrorReport = join(directory.path, 'mirror.json')
  const config = registries === undefined ? [] : ['--registries', await directory.write('mirror.yaml', JSON.stringify(registries(to.host)))]
  const mirrored = await runCli(['mirror', ...references, '--to', `${to.url}/mirror`, '--report', mirrorReport, ...config], { env })
  if (mirrored.status !== 0) throw new Error(mirrored.stderr)
  const storage = `${to.rootDirectory}/docker/registry/v2`
  const repository = `${storage}/repositories/mirror/${image.repository}`
  const verify: MirroredRelease['verify'] = (more = [], where = ['--to', `${to.url}/mirror`]) =>
    runCli(['verify', ...references, ...where, ...more], { env })
  const link = (digest: string): string => `${digest.replace(':', '/')}/link`
  return {
    release,
    image,
    references,
    from,
    to,
    directory,
    mirrorReport,
    verify,
    async verifyJson(more = [], where) {
      const result = await verify(['--output', 'json', ...more], where)
      return { ...result, report: JSON.parse(result.stdout) as VerifyReport }
    },
    async remove(kind, name) {
      const part =
        kind === 'tag' ? `_manifests/tags/${name}` : kind === 'blob' ? `_layers/${link(name)}` : `_manifests/revisions/${link(name)}`
      const path = `${repository}/${part}`
      await rename(path, `${path}.gone`)
      return { what: `${path} is gone`, [Symbol.asyncDispose]: () => rename(`${path}.gone`, path) }
    },
    moveTag: (digest) => overwrite(`${repository}/_manifests/tags/${image.tag}/current/link`, () => Buffer.from(digest)),
    flipBit: (digest) =>
      overwrite(`${storage}/blobs/sha256/${digest.slice(7, 9)}/${digest.slice(7)}/data`, (bytes) => {
        const copy = Buffer.from(bytes)
        copy[0] = (copy[0] ?? 0) ^ 1
        return copy
      }),
    async nodeFile(config, mirror = {}) {
      const endpoint = { endpoint: [to.url], rewrite: { '^rancher/(.*)': 'mirror/rancher/$1' }, ...mirror }
      const document = { mirrors: { [from.host]: endpoint }, ...(config !== undefined && { configs: { [to.host]: config } }) }
      return directory.write(`node-${randomBytes(4).toString('hex')}.yaml`, JSON.stringify(document))
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([from, to, directory].map((part) => part[Symbol.asyncDispose]()))
    },
  }
}
