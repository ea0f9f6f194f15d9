import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stylesFor } from '../../src/cli/output/styles.ts'
import { formatVerification } from '../../src/cli/output/verify-table.ts'
import { withEmbeddedAddress } from '../../src/node/node-settings.ts'
import { readNodeConfig } from '../../src/node/read-node-config.ts'
import { mirror } from '../../src/runs/mirror.ts'
import { verify, type VerifyOptions } from '../../src/runs/verify.ts'
import { tinyIndex } from '../layout/tiny-image.ts'
import { memoryRegistry, type MemoryRegistry } from '../servers/memory-registry.ts'
import { tempDir, type TempDir } from '../servers/temp-dir.ts'

const images = ['rancher/klipper-lb:v0.4.17', 'rancher/mirrored-pause:3.10.2', 'rancher/k3s-upgrade:v1.37.1-k3s1']
const pause = 'docker.io/rancher/mirrored-pause:3.10.2'

interface World extends AsyncDisposable {
  readonly source: MemoryRegistry
  readonly to: MemoryRegistry
  readonly directory: TempDir
  /** Verifies as a node with this config.yaml. */
  readonly check: (config: string, more?: Partial<VerifyOptions>) => ReturnType<typeof verify>
}

/** Images that are mirrored to a prefix of a registry, and a node that has a mirror for all but K3s' own images. */
async function mirrored(registries?: object): Promise<World> {
  const [source, to, directory] = await Promise.all([memoryRegistry(), memoryRegistry(), tempDir()])
  for (const image of images) {
    const [repository = '', tag = ''] = image.split(':')
    source.hold(repository, tag, tinyIndex())
  }
  const { report: ended } = mirror({ references: images, from: { 'docker.io': source.url }, to: `${to.url}/mirror` })
  const report = await ended
  assert.equal(report.totals.copied, images.length)
  const rewrite = { '^rancher/k3s-upgrade$': 'mirror/rancher/k3s-upgrade' }
  const file = registries ?? { mirrors: { 'docker.io': { endpoint: [to.url], rewrite } } }
  const path = await directory.write('registries.yaml', JSON.stringify(file))
  return {
    source,
    to,
    directory,
    async check(config, more = {}) {
      const { settings } = await readNodeConfig(await directory.write('config.yaml', config))
      return verify({
        references: images,
        asNode: true,
        registries: settings.privateRegistry ?? path,
        ...withEmbeddedAddress(settings),
        retry: { retries: 0 },
        ...more,
      })
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([source, to, directory].map((part) => part[Symbol.asyncDispose]()))
    },
  }
}

test('a node with a system registry finds all images after a mirror, by the names that it asks for', async () => {
  await using world = await mirrored()
  const { to, check } = world
  const registry = `${to.host}/mirror`
  const report = await check(`system-default-registry: ${registry}`, { to: `${to.url}/mirror` })
  assert.deepEqual(
    report.images.map(({ problems }) => problems),
    [[], [], []],
  )
  assert.deepEqual(
    report.images.map(({ reference, asked }) => [reference, asked]),
    [
      ['docker.io/rancher/klipper-lb:v0.4.17', `${registry}/rancher/klipper-lb:v0.4.17`],
      [pause, `${registry}/rancher/mirrored-pause:3.10.2`],
      ['docker.io/rancher/k3s-upgrade:v1.37.1-k3s1', undefined],
    ],
  )
  const text = formatVerification(report, { styles: stylesFor({}, {}) })
  assert.match(text, /IMAGE +PULLED AS/)
  assert.ok(text.includes(`${registry}/rancher/mirrored-pause:3.10.2`), text)
})

test('names the pause image that a node with a system registry cannot find', async () => {
  await using world = await mirrored()
  const { to, check } = world
  to.manifests.delete('mirror/rancher/mirrored-pause:3.10.2')
  const report = await check(`system-default-registry: ${to.host}/mirror`)
  assert.deepEqual(report.totals.statuses.missing, 1)
  const [problem] = report.images.flatMap(({ problems }) => problems)
  assert.match(problem?.message ?? '', /^127\.0\.0\.1:\d+\/mirror\/rancher\/mirrored-pause:3\.10\.2: tag 3\.10\.2 is missing: /)
})

test('checks the pause image of a node that the selection lacks', async () => {
  await using world = await mirrored()
  const { to, check } = world
  const references = [images[0] ?? '']
  const added = await check(`system-default-registry: ${to.host}/mirror`, { references })
  assert.deepEqual(added.images.map(({ reference, status }) => [reference, status]).at(-1), [pause, 'ok'])
  const own = await check(`system-default-registry: ${to.host}/mirror\npause-image: ${to.host}/mirror/own/pause:1`, { references })
  assert.deepEqual(own.images.map(({ reference, status }) => [reference, status]).at(-1), [`${to.host}/mirror/own/pause:1`, 'missing'])
})

test('a node without a system registry is asked for the names of the list', async () => {
  await using world = await mirrored()
  const report = await world.check('system-default-registry: ""', { references: images.slice(2) })
  assert.deepEqual(
    report.images.map(({ reference, asked, status }) => [reference, asked, status]),
    [['docker.io/rancher/k3s-upgrade:v1.37.1-k3s1', undefined, 'ok']],
  )
})

test('notes once that other credentials are unknown, where a registry was asked without any', async () => {
  await using world = await mirrored()
  const { to, check, directory } = world
  const note = /asked 127\.0\.0\.1:\d+ without credentials: imagePullSecrets and kubelet's image credential providers are unknown here/g
  const config = `system-default-registry: ${to.host}/mirror`
  const anonymous = formatVerification(await check(config), { styles: stylesFor({}, {}) })
  assert.equal(anonymous.match(note)?.length, 1, anonymous)
  const auth = { username: 'robot', password: 'p' }
  const rewrite = { '^rancher/k3s-upgrade$': 'mirror/rancher/k3s-upgrade' }
  const mirrors = { 'docker.io': { endpoint: [to.url], rewrite } }
  const file = await directory.write('secured.yaml', JSON.stringify({ mirrors, configs: { [to.host]: { auth } } }))
  const known = formatVerification(await check(`${config}\nprivate-registry: ${file}`), { styles: stylesFor({}, {}) })
  assert.doesNotMatch(known, note)
})
