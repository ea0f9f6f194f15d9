import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parsePlatform } from '../../src/oci/platform.ts'
import { planImages } from '../../src/runs/plan-images.ts'
import type { EngineScript } from '../servers/engine-script.ts'
import { dockerImage } from './docker-image.ts'
import { engineRun, reference } from './engine-run.ts'

/** An Engine whose registry has these platforms under the one name. */
const offering = (...platforms: readonly string[]): EngineScript => ({ platforms: { [reference]: platforms.map(parsePlatform) } })

test('the Engine pulls the best match by its own name, which the report shows with a warning', async () => {
  await using setting = await engineRun(offering('linux/amd64', 'linux/arm/v5', 'linux/arm/v6'))
  const { image, report } = await setting.run({ platforms: ['linux/arm/v7'] })
  assert.deepEqual([image.status, image.platforms], ['copied', ['linux/arm/v6']])
  assert.deepEqual(report.warnings, [
    `${reference}: no image for linux/arm/v7: falls back to linux/arm/v6, as containerd does on such a node`,
  ])
  assert.deepEqual(
    setting.engine.requests.filter(({ call }) => call === 'pull').map(({ query }) => query['platform']),
    ['linux/arm/v6'],
  )
})

test('one image that serves two platforms is carried once, under its own manifest', async () => {
  await using setting = await engineRun(offering('linux/amd64', 'linux/arm/v7'))
  const { image } = await setting.run({ platforms: ['linux/armhf', 'linux/arm64'] })
  assert.deepEqual([image.platforms, image.digest], [['linux/arm/v7'], dockerImage('linux/arm/v7').digest])
})

test('an alias in the registry and an alias that is asked for meet', async () => {
  await using setting = await engineRun({
    platforms: { [reference]: ['x86_64', 'arm64'].map((architecture) => ({ os: 'linux', architecture })) },
  })
  const { image } = await setting.run({ platforms: ['linux/x86-64'] })
  assert.deepEqual([image.status, image.platforms], ['copied', ['linux/x86_64']])
})

test('a platform that nothing serves is refused before anything is pulled', async () => {
  await using setting = await engineRun(offering('linux/amd64/v3', 'linux/arm/v7'))
  for (const platform of ['linux/amd64', 'linux/arm/v6']) {
    const { image } = await setting.run({ platforms: [platform] })
    assert.equal(image.error?.code, 'NO_SUCH_PLATFORM')
  }
  assert.equal(
    setting.engine.requests.some(({ call }) => call === 'pull'),
    false,
  )
})

test('an Engine that looks nothing up falls back by itself, and the platform that came is reported', async () => {
  const hidden: EngineScript = {
    overrides: { distribution: (_, response) => void response.writeHead(403).end('<html><body>403 Forbidden</body></html>') },
    onPull: () => dockerImage('linux/arm/v6').pulled,
  }
  await using setting = await engineRun(hidden)
  const { image } = await setting.run({ platforms: ['linux/arm/v7'] })
  assert.deepEqual([image.status, image.platforms], ['copied', ['linux/arm/v6']])
  const { image: other } = await setting.run({ platforms: ['linux/amd64'] })
  assert.equal(other.error?.code, 'NO_SUCH_PLATFORM')
})

test('what the Engine holds counts by whatever name it has for the platform', async () => {
  const digest = `sha256:${'1'.repeat(64)}`
  const held = dockerImage('linux/arm64/v8').pulled
  await using setting = await engineRun({
    ...offering('linux/amd64', 'linux/arm64'),
    digests: { [reference]: digest },
    images: { [`docker.io/rancher/x@${digest}`]: held },
  })
  const plan = await planImages({
    references: [reference],
    to: setting.registry.url,
    via: 'docker',
    dockerHost: setting.engine.host,
    platforms: ['linux/arm64'],
  })
  assert.deepEqual([plan.images[0]?.heldByEngine, plan.images[0]?.dockerHubPulls], [['linux/arm64'], 0])
})
