import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { mediaTypes } from '../../src/oci/media-type.ts'
import type { PlanReport } from '../../src/report/plan-report.ts'
import type { MirrorReport } from '../../src/report/report.ts'
import type { VerifyReport } from '../../src/report/verify-report.ts'
import { tinyBlob, tinyImage, tinyManifest, type TinyImage } from '../layout/tiny-image.ts'
import { startRegistry, type TestRegistry } from '../registry-server/start-registry.ts'
import { runCli, type CliResult } from '../servers/run-cli.ts'
import { tempDir } from '../servers/temp-dir.ts'

/** An index over an image for each platform, written as given; one may name a version of Windows behind a space. */
function indexOf(...platforms: readonly string[]): TinyImage {
  const images = platforms.map(() => tinyImage(randomBytes(50)))
  const manifests = images.map(({ root }, at) => {
    const [os, architecture, variant] = (platforms[at] ?? '').split(' ')[0]?.split('/') ?? []
    const version = platforms[at]?.split(' ')[1]
    return { ...root.descriptor, platform: { os, architecture, variant, 'os.version': version } }
  })
  const root = tinyManifest({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests })
  return { blobs: images.flatMap(({ blobs }) => blobs), manifests: [...images.map((image) => image.root), root], root }
}

/** An image without an index, whose config says this. */
function single(config: object): TinyImage {
  const blob = tinyBlob(Buffer.from(JSON.stringify({ ...config, rootfs: { type: 'layers', diff_ids: [] } })), mediaTypes.ociConfig)
  const root = tinyManifest({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config: blob.descriptor, layers: [] })
  return { blobs: [blob], manifests: [root], root }
}

interface Places extends AsyncDisposable {
  readonly from: TestRegistry
  readonly to: TestRegistry
  run(command: string, ...options: readonly string[]): Promise<CliResult>
}

/** Two registries, the first with the image as rancher/x:1. */
async function between(image: TinyImage): Promise<Places> {
  const [from, to] = [await startRegistry({ sparse: true }), await startRegistry()]
  await from.push('rancher/x', '1', image)
  return {
    from,
    to,
    run: (command, ...options) =>
      runCli([command, 'docker.io/rancher/x:1', '--from', `docker.io=${from.url}`, '--to', to.url, '--output', 'json', ...options]),
    async [Symbol.asyncDispose]() {
      await from[Symbol.asyncDispose]()
      await to[Symbol.asyncDispose]()
    },
  }
}

const reportOf = ({ stdout }: CliResult): MirrorReport => JSON.parse(stdout) as MirrorReport
const planOf = ({ stdout }: CliResult): PlanReport => JSON.parse(stdout) as PlanReport
const verdictOf = ({ stdout }: CliResult): VerifyReport => JSON.parse(stdout) as VerifyReport

/** What mirroring for a platform takes, by the report; undefined where it is refused because there is no such platform. */
async function taken(image: TinyImage, platform: string): Promise<string | undefined> {
  await using at = await between(image)
  const result = await at.run('mirror', '--platform', platform)
  const [mirrored] = reportOf(result).images
  if (result.status === 1 && mirrored?.error?.code === 'NO_SUCH_PLATFORM') return undefined
  assert.equal(result.status, 0, result.stderr)
  return mirrored?.platforms.join(',')
}

test('mirrors, plans and verifies an image without arm/v7 by its arm/v6, and reports that', async () => {
  const warnings = ['docker.io/rancher/x:1: no image for linux/arm/v7: falls back to linux/arm/v6, as containerd does on such a node']
  await using at = await between(indexOf('linux/amd64', 'linux/arm64', 'linux/arm/v5', 'linux/arm/v6'))
  const plan = planOf(await at.run('plan', '--platform', 'linux/arm/v7'))
  assert.deepEqual([plan.images[0]?.platforms, plan.warnings], [['linux/arm/v6'], warnings])
  const mirrored = reportOf(await at.run('mirror', '--platform', 'linux/arm/v7'))
  assert.deepEqual([mirrored.images[0]?.platforms, mirrored.warnings], [['linux/arm/v6'], warnings])
  const verified = await at.run('verify', '--platform', 'linux/arm/v7')
  assert.equal(verified.status, 0, verified.stdout)
  const verify = verdictOf(verified)
  assert.deepEqual([verify.images[0]?.platforms, verify.warnings], [['linux/arm/v6'], warnings])
  const other = verdictOf(await at.run('verify', '--platform', 'linux/arm64'))
  assert.equal(other.images[0]?.status, 'moved', 'the source has arm64, which this mirror lacks')
})

test('bundles the image that a node of the platform pulls', async () => {
  await using at = await between(indexOf('linux/amd64', 'linux/arm/v6'))
  await using directory = await tempDir()
  const from = ['--from', `docker.io=${at.from.url}`, '--output', 'json']
  const file = `${directory.path}/bundle.tar`
  const result = await runCli(['bundle', 'create', file, 'docker.io/rancher/x:1', '--platform', 'linux/armhf', ...from])
  assert.equal(result.status, 0, result.stderr)
  const { images, warnings } = reportOf(result)
  assert.deepEqual([images[0]?.platforms, warnings.length], [['linux/arm/v6'], 1])
})

test('resolves the alias of a platform to the same digest, without a warning', async () => {
  await using at = await between(indexOf('linux/amd64', 'linux/arm64/v8', 'linux/arm/v7', 'linux/386'))
  for (const [name, alias] of [
    ['linux/amd64', 'linux/x86_64'],
    ['linux/arm64', 'linux/aarch64'],
    ['linux/arm/v7', 'linux/armhf'],
    ['linux/arm/v7', 'linux/arm'],
    ['linux/386', 'linux/i386'],
  ] as const) {
    const digest = reportOf(await at.run('mirror', '--platform', name)).images[0]?.digest
    const again = reportOf(await at.run('mirror', '--platform', alias))
    assert.deepEqual([again.images[0]?.status, again.images[0]?.digest, again.warnings], ['up-to-date', digest, []], alias)
  }
})

test('reads an index with aliases, variants or several versions of Windows as containerd does', async () => {
  for (const [platforms, wanted, expected] of [
    [['linux/x86_64', 'linux/aarch64'], 'linux/amd64', 'linux/x86_64'],
    [['linux/amd64', 'linux/amd64/v2', 'linux/amd64/v3'], 'linux/amd64', 'linux/amd64'],
    [['linux/amd64/v3', 'linux/arm64'], 'linux/amd64', undefined],
    [['linux/386', 'linux/arm64'], 'linux/amd64', 'linux/386'],
    [['linux/amd64', 'linux/arm/v7'], 'linux/arm64', 'linux/arm/v7'],
    [['linux/amd64', 'linux/arm/v6', 'linux/arm/v7'], 'linux/arm', 'linux/arm/v7'],
    [['linux/amd64', 'windows/amd64 10.0.17763.1', 'windows/amd64 10.0.20348.1'], 'windows/amd64', 'windows/amd64'],
  ] as const) {
    assert.equal(await taken(indexOf(...platforms), wanted), expected, `${wanted} of ${platforms.join(', ')}`)
  }
})

test('keeps both versions of Windows', async () => {
  const image = indexOf('linux/amd64', 'windows/amd64 10.0.17763.1', 'windows/amd64 10.0.20348.1')
  await using at = await between(image)
  const { images } = reportOf(await at.run('mirror', '--platform', 'windows/amd64'))
  const index = (await at.to.call('GET', `/v2/rancher/x/manifests/${images[0]?.digest}`)).json() as { manifests: { digest: string }[] }
  assert.deepEqual(
    index.manifests.map(({ digest }) => digest),
    image.manifests.slice(1, 3).map(({ descriptor }) => descriptor.digest),
  )
})

test('matches an image without an index by its config', async () => {
  for (const [config, wanted, expected] of [
    [{ os: 'linux', architecture: 'arm', variant: 'v6' }, 'linux/arm/v7', 'linux/arm/v6'],
    [{ os: 'linux', architecture: 'arm' }, 'linux/arm/v7', 'linux/arm'],
    [{ os: 'linux', architecture: 'arm', variant: '6' }, 'linux/arm/v6', 'linux/arm/6'],
    [{ os: 'linux', architecture: 'arm64', variant: '8' }, 'linux/arm64', 'linux/arm64/8'],
    [{ os: 'linux', architecture: 'x86_64' }, 'linux/amd64', 'linux/x86_64'],
    [{ os: 'linux', architecture: 'arm', variant: 'v7' }, 'linux/arm/v6', undefined],
  ] as const) {
    assert.equal(await taken(single(config), wanted), expected, `${wanted} of ${JSON.stringify(config)}`)
  }
})
