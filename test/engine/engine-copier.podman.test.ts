import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EngineOverride, EngineScript } from '../servers/engine-script.ts'
import { dockerImage } from './docker-image.ts'
import { engineRun, reference, type EngineRun } from './engine-run.ts'

// What Podman answers is what test/cli/via-podman.test.ts meets.
const podman: EngineScript = { store: 'podman' }
const calls = ({ engine }: EngineRun): readonly string[] => engine.requests.map(({ call }) => call)

test('an image goes through Podman, whose pull states no digest, and is proved at the destination', async () => {
  await using setting = await engineRun(podman)
  const { image, report } = await setting.run()
  assert.deepEqual([image.status, image.digest, image.platforms], ['copied', dockerImage().digest, ['linux/amd64']])
  assert.deepEqual(report.engine, { apiVersion: '1.41', store: 'podman' })
  assert.ok(image.bytes.copied > 0 && image.bytes.copied === image.bytes.total, 'layers that Podman does not mention were pushed')
  assert.deepEqual(
    calls(setting).filter((call) => call === 'pull' || call === 'push'),
    ['pull', 'push'],
  )
  assert.deepEqual(setting.engine.images(), [], 'Podman is left as it was')
})

test('platforms are joined, and what Podman held before is given back', async () => {
  const held = dockerImage('linux/s390x').pulled
  await using setting = await engineRun({ ...podman, images: { [reference]: held } })
  const before = setting.engine.images()
  const { image } = await setting.run({ platforms: ['linux/amd64', 'linux/arm64'] })
  assert.deepEqual([image.status, image.platforms], ['copied', ['linux/amd64', 'linux/arm64']])
  assert.deepEqual(setting.engine.images(), before)
})

test('an image that was pulled by its digest leaves nothing in Podman', async () => {
  const digest = `sha256:${'1'.repeat(64)}`
  await using setting = await engineRun(podman)
  const { image } = await setting.run({ references: [`${reference}@${digest}`] })
  assert.equal(image.status, 'copied')
  assert.deepEqual(setting.engine.images(), [])
})

test('a pull that ends without the id of the image has failed, and nothing older is pushed in its place', async () => {
  const early: EngineOverride = (_, response) =>
    void response.end('{"status":"Pulling fs layer","progressDetail":{},"id":"0123456789ab"}\n')
  await using setting = await engineRun({ ...podman, images: { [reference]: dockerImage().pulled }, overrides: { pull: early } })
  const { image } = await setting.run()
  assert.equal(image.error?.code, 'PROTOCOL')
  assert.ok(!calls(setting).includes('push'))
})

test('without a choice of platforms the run is refused before anything is pulled', async () => {
  await using setting = await engineRun(podman)
  await assert.rejects(setting.run({ platforms: undefined }), {
    code: 'USAGE',
    message: /does not report the platforms/,
    hint: /options\.platforms/,
  })
  assert.ok(!calls(setting).includes('pull'))
})

test('a Podman that is too old is refused when it is reached', async () => {
  const version: EngineOverride = (_, response) =>
    void response.end(JSON.stringify({ ApiVersion: '1.40', Components: [{ Name: 'Podman Engine', Version: '3.4.4' }] }))
  await using setting = await engineRun({ ...podman, overrides: { version } })
  await assert.rejects(setting.run(), {
    code: 'UNSUPPORTED',
    message: /it is 3\.4\.4, but 4\.0 is required/,
    hint: /options\.via registry/,
  })
  assert.deepEqual(calls(setting), ['version'])
})

test('a destination that only Podman reaches is refused before anything is pulled, because nothing could prove a push', async () => {
  await using setting = await engineRun(podman)
  const { image } = await setting.run({ to: 'http://127.0.0.1:1', retry: { retries: 0, baseDelay: 1 } })
  assert.equal(image.error?.code, 'UNREACHABLE')
  assert.ok(!calls(setting).includes('pull'))
})

test('a list that an image is removed from meanwhile is asked for again', async () => {
  const gone: EngineOverride = (_, response) =>
    void response
      .writeHead(500)
      .end('{"cause":"image not known","message":"locating image with ID \\"1\\": image not known","response":500}')
  await using setting = await engineRun({ ...podman, overrides: { list: [gone, gone] } })
  const { image, events } = await setting.run()
  assert.equal(image.status, 'copied')
  assert.ok(!events.some(({ type }) => type === 'image-failed'))
})
