import type { LockReport } from '../../src/report/lock-report.ts'
import type { MirrorReport } from '../../src/report/report.ts'
import { lockImages, type LockOptions } from '../../src/runs/lock-images.ts'
import { mirror } from '../../src/runs/mirror.ts'
import type { MirrorOptions } from '../../src/runs/options.ts'
import { tinyIndex, type TinyImage } from '../layout/tiny-image.ts'
import { atOnce, fileServer, sha256Hex, type Answer } from '../release/file-server.ts'
import { memoryRegistry, type MemoryRegistry } from '../servers/memory-registry.ts'
import { tempDir } from '../servers/temp-dir.ts'

/** A release of two images, published and held by a registry, and a destination. */
export interface LockedRelease extends AsyncDisposable {
  readonly pause: TinyImage
  readonly directory: string
  /** Where `lock` writes. */
  readonly file: string
  readonly source: MemoryRegistry
  readonly destination: MemoryRegistry
  /** Requests to the host of the release files so far. */
  readonly listRequests: () => number
  /** What the host of the release files answers, by path. */
  readonly files: Record<string, Answer>
  /** The image list of the release. */
  readonly list: string
  /** How the source and the release are reached. */
  readonly reach: Pick<MirrorOptions, 'from' | 'artifactUrl' | 'channelUrl' | 'retry'>
  lock(options?: Partial<LockOptions>): Promise<LockReport>
  /** Mirrors to the destination; `locked` is the lock file. */
  mirror(options?: Partial<MirrorOptions>): Promise<MirrorReport>
}

/** The release of the channel `stable`. */
export const release = 'v1.36.3+k3s1'

/** Starts the servers of a release, without a lock yet. */
export async function lockedRelease(): Promise<LockedRelease> {
  const list = 'docker.io/rancher/mirrored-pause:3.6\ndocker.io/rancher/klipper-lb:v0.4\n'
  const files: Record<string, Answer> = {
    '/v1.36.3%2Bk3s1/k3s-images.txt': list,
    '/v1.36.3%2Bk3s1/sha256sum-amd64.txt': `${sha256Hex(list)}  k3s-images.txt\n`,
    '/channels/stable': { status: 302, headers: { location: `https://github.com/k3s-io/k3s/releases/tag/${release}` } },
  }
  const directory = await tempDir()
  const server = await fileServer(files)
  const source = await memoryRegistry()
  const destination = await memoryRegistry()
  const pause = tinyIndex()
  source.hold('rancher/mirrored-pause', '3.6', pause)
  source.hold('rancher/klipper-lb', 'v0.4', tinyIndex())
  const file = `${directory.path}/k3s.lock.yaml`
  const reach = { from: { 'docker.io': source.url }, artifactUrl: server.url, channelUrl: `${server.url}/channels`, retry: atOnce }
  return {
    pause,
    directory: directory.path,
    file,
    source,
    destination,
    files,
    list,
    reach,
    listRequests: () => server.requests.length,
    lock: (options) => lockImages({ ...reach, releases: ['stable'], out: file, ...options }),
    mirror: (options) => mirror({ ...reach, to: destination.url, locked: file, ...options }).report,
    async [Symbol.asyncDispose]() {
      for (const part of [server, source, destination, directory]) await part[Symbol.asyncDispose]()
    },
  }
}
