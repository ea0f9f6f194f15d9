import { startRegistry, type TestRegistry } from '../registry-server/start-registry.ts'
import { startDockerRegistry, type DockerRegistry, type DockerRegistryOptions } from '../servers/docker-registry.ts'
import { k3sImages, type ImageShape } from '../servers/release-shapes.ts'
import { runCli } from '../servers/run-cli.ts'
import { seedRelease, type SeededImage, type SeededRelease } from '../servers/seed-release.ts'
import { tempDir, type TempDir } from '../servers/temp-dir.ts'

/** Two releases that were mirrored to one destination, the older first. */
export interface PrunedReleases extends AsyncDisposable {
  /** `--to` of a registry with a prefix. */
  readonly to: string
  readonly registry: DockerRegistry
  readonly directory: TempDir
  readonly older: SeededRelease
  readonly newer: SeededRelease
  /** Image lists of the releases. */
  readonly olderList: string
  readonly newerList: string
  /** Tags that only the older release has, by their names at the destination. */
  readonly own: readonly string[]
  /** The older content of the one tag that both releases have and that moved. */
  readonly moved: SeededImage
}

/** The shapes of the newer release: three images have another tag, one the same tag and other content, one is the same. */
function renewed(shapes: readonly ImageShape[]): readonly ImageShape[] {
  return shapes.map((shape, index) => (index < 3 ? { ...shape, tag: `${shape.tag}-next` } : shape))
}

function listOf(from: TestRegistry, images: readonly SeededImage[]): string {
  return images.map(({ repository, tag }) => `${from.host}/${repository}:${tag}\n`).join('')
}

/** Mirrors two releases with the built program. */
export async function prunedReleases(options: DockerRegistryOptions = {}): Promise<PrunedReleases> {
  const [from, registry, directory] = await Promise.all([startRegistry(), startDockerRegistry(options), tempDir()])
  const to = `${registry.url}/mirror`
  const shapes = [k3sImages[1], k3sImages[2], k3sImages[4], k3sImages[3], k3sImages[7]].filter((shape) => shape !== undefined)
  const next = renewed(shapes)
  const mirror = async (list: string): Promise<void> => {
    const { status, stderr } = await runCli(['mirror', '--images', list, '--to', to])
    if (status !== 0) throw new Error(stderr)
  }
  const older = await seedRelease(from.url, { images: shapes, scale: 0.0001 })
  const olderList = await directory.write('older.txt', listOf(from, older.images))
  await mirror(olderList)
  const same = await seedRelease(from.url, { images: next.slice(4), scale: 0.0001 })
  const changed = await seedRelease(from.url, { images: next.slice(0, 4), scale: 0.0001, salt: 'next' })
  const newer = { ...changed, images: [...changed.images, ...same.images] }
  const newerList = await directory.write('newer.txt', listOf(from, newer.images))
  await mirror(newerList)
  const moved = older.images[3]
  if (moved === undefined) throw new Error('the release has no fourth image')
  return {
    to,
    registry,
    directory,
    older,
    newer,
    olderList,
    newerList,
    own: older.images.slice(0, 3).map(({ repository, tag }) => `${registry.host}/mirror/${repository}:${tag}`),
    moved,
    async [Symbol.asyncDispose]() {
      await Promise.all([from, registry, directory].map((part) => part[Symbol.asyncDispose]()))
    },
  }
}
