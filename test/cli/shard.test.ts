import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import type { MirrorReport } from '../../src/report/report.ts'
import { startDockerRegistry } from '../servers/docker-registry.ts'
import { k3sImages } from '../servers/release-shapes.ts'
import { requireServer } from '../servers/require-server.ts'
import { runCli } from '../servers/run-cli.ts'
import { pushRelease, makeRelease } from '../servers/seed-release.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { oneImage } from './one-image.ts'

/** Every blob with its bytes, and every repository's layers, revisions and tags with what they point to. */
async function contentsOf(rootDirectory: string): Promise<ReadonlyMap<string, string>> {
  const root = `${rootDirectory}/docker/registry/v2`
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  // Uploads are of the run, not of the content.
  const kept = files.filter((path) => !path.includes('/_uploads/')).toSorted()
  return new Map(
    await Promise.all(
      kept.map(async (path) => [path.slice(root.length + 1).replaceAll(sep, '/'), await readFile(path, 'latin1')] as const),
    ),
  )
}

const readReport = async (path: string): Promise<MirrorReport> => JSON.parse(await readFile(path, 'utf8')) as MirrorReport

const canRun = (t: TestContext): boolean => requireServer(t, 'docker-registry')

describe('--shard', () => {
  it('gives with four shards at the same time what one run gives, byte for byte', { timeout: 120_000 }, async (t) => {
    if (!canRun(t)) return
    await using directory = await tempDir()
    await using from = await startDockerRegistry()
    await using whole = await startDockerRegistry()
    await using parts = await startDockerRegistry()
    // Two tags of each repository, whose layers are in part the same.
    const shapes = k3sImages.slice(0, 5)
    const newer = shapes.map((shape) => ({ ...shape, tag: `${shape.tag}-next` }))
    const releases = [makeRelease({ images: shapes }), makeRelease({ images: newer })]
    for (const release of releases) await pushRelease(from.url, release)
    const list = await directory.write('list.txt', releases.map((release) => release.list).join(''))
    const mirror = (to: string, more: readonly string[]): ReturnType<typeof runCli> =>
      runCli(['mirror', '--images', list, '--from', `docker.io=${from.url}`, '--to', `${to}/mirror`, '--quiet', ...more])
    const report = (name: number | string): string => `${directory.path}/${name}.json`
    const [single, ...shards] = await Promise.all([
      mirror(whole.url, ['--report', report('whole')]),
      ...[1, 2, 3, 4].map((index) => mirror(parts.url, ['--shard', `${index}/4`, '--report', report(index)])),
    ])
    for (const { status, stderr } of [single, ...shards]) assert.equal(status, 0, stderr)
    const expected = await contentsOf(whole.rootDirectory)
    assert.ok(expected.size > 100)
    assert.deepEqual(await contentsOf(parts.rootDirectory), expected)

    const merged = await runCli(['report', 'merge', ...[3, 1, 4, 2].map(report), '--output', 'json', '--report', report('merged')])
    assert.equal(merged.status, 0, merged.stderr)
    const document = JSON.parse(merged.stdout) as MirrorReport
    assert.deepEqual(await readReport(report('merged')), document)
    const sources = ({ images }: MirrorReport): readonly string[] =>
      images.map(({ source, digest, status }) => `${source} ${digest} ${status}`).toSorted()
    assert.deepEqual(sources(document), sources(await readReport(report('whole'))))
    assert.deepEqual(
      document.shards?.map(({ images, failed }) => [images, failed]),
      [4, 2, 2, 2].map((images) => [images, 0]),
    )
    const verified = await runCli([
      'verify',
      '--images',
      list,
      '--to',
      `${parts.url}/mirror`,
      '--expect',
      report('merged'),
      '--shard',
      '2/4',
    ])
    assert.equal(verified.status, 0, verified.stderr)
    assert.match(verified.stdout, /^shard 2 of 4: 2 of 10 images$/m)
  })

  it('is a success without images where there are more shards than repositories, and reads the index from CI', async () => {
    await using registries = await oneImage()
    const empty = await registries.run(['--shard', 'auto/2'], { env: { JOB_COMPLETION_INDEX: '1', CI_NODE_INDEX: '1' } })
    assert.deepEqual([empty.status, empty.stdout], [0, '0 images\nshard 2 of 2: 0 of 1 image\n'])
    const first = await registries.run(['--shard', 'auto/2'], { env: { CI_NODE_INDEX: '1', CI_NODE_TOTAL: '2' } })
    assert.equal(first.status, 0, first.stderr)
    assert.ok(registries.isMirrored())
    const planned = await registries.run(['--shard', '1/2'], { command: 'plan' })
    assert.match(planned.stdout, /^1 image is up to date\nshard 1 of 2: 1 of 1 image$/m)
  })

  it('checks names over the whole list', async () => {
    await using registries = await oneImage()
    const other = Buffer.from(JSON.stringify({ schemaVersion: 2, layers: [] }))
    registries.source.manifests.set('other/app:1', { mediaType: 'application/vnd.oci.image.manifest.v1+json', bytes: other })
    for (const shard of ['1/2', '2/2']) {
      const { status, stderr } = await registries.run(['docker.io/other/app:1', '--flatten', '--shard', shard])
      assert.equal(status, 2, stderr)
      assert.match(stderr, /DESTINATION_COLLISION/)
    }
  })

  it('refuses an invalid shard, and a file that only a whole list can make', async () => {
    const refused = async (more: readonly string[], message: RegExp): Promise<void> => {
      const { status, stderr } = await runCli(['mirror', 'alpine', '--to', 'localhost:1', ...more])
      assert.deepEqual([status, message.test(stderr)], [2, true], stderr)
    }
    await refused(['--shard', '5/4'], /invalid value "5\/4" for --shard: expected i\/n/)
    await refused(['--shard', '1/2', '--write-registries', 'r.yaml'], /--write-registries cannot be used with --shard/)
  })
})
