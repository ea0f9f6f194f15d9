import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { formatReference } from '../../src/oci/reference.ts'
import { readManifest } from '../../src/release/read-manifest.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { atOnce, fileServer, paths, testClient, type Answer } from './file-server.ts'

const plan = (channel: string, image = 'rancher/k3s-upgrade'): string =>
  `apiVersion: upgrade.cattle.io/v1\nkind: Plan\nspec:\n  channel: ${channel}\n  upgrade: {image: ${image}}\n  prepare: {image: ${image}}\n`
const to = (location: string): Answer => ({ status: 302, headers: { location } })

/** Reads a manifest whose `{url}` is a server with these answers. */
async function read(text: string, answers: Readonly<Record<string, Answer>> = {}, channels?: string) {
  await using server = await fileServer(answers)
  await using client = testClient()
  const channelUrl = channels === undefined ? undefined : `${server.url}${channels}`
  const stdin = Readable.from([text.replaceAll('{url}', server.url)])
  const { images, list } = await readManifest(client, '-', { stdin, channelUrl, retry: atOnce })
  return { names: images.map(formatReference), count: list.images, asked: paths(server.requests) }
}

test('the tag of a Plan comes from where its channel leads, which is asked once', async () => {
  const answers = { '/channels/stable': to('https://github.com/rancher/rke2/releases/tag/v1.36.3+rke2r1') }
  assert.deepEqual(await read(plan('"{url}/channels/stable"', 'rancher/rke2-upgrade'), answers), {
    names: ['docker.io/rancher/rke2-upgrade:v1.36.3-rke2r1'],
    count: 1,
    asked: ['/channels/stable'],
  })
})

test('a channel without a redirect is its own version, and one that moved is followed', async () => {
  assert.deepEqual((await read(plan('"{url}/v1.2"'), { '/v1.2': 'here' })).names, ['docker.io/rancher/k3s-upgrade:v1.2'])
  const moved = { '/old/stable': to('/new/stable'), '/new/stable': to('/tag/v1.36.3+k3s1') }
  assert.deepEqual((await read(plan('"{url}/old/stable"'), moved)).names, ['docker.io/rancher/k3s-upgrade:v1.36.3-k3s1'])
})

test("the channels of K3s are asked at the caller's own channel server", async () => {
  const { names, asked } = await read(
    plan('https://update.k3s.io/v1-release/channels/stable'),
    { '/mine/stable': to('/tag/v1.36.3+k3s1') },
    '/mine',
  )
  assert.deepEqual([names, asked], [['docker.io/rancher/k3s-upgrade:v1.36.3-k3s1'], ['/mine/stable']])
})

test('a channel without a version is an error with the line', async () => {
  await assert.rejects(read(plan('"{url}/gone"')), { code: 'LIST_UNAVAILABLE', message: /^standard input:5: cannot fetch .*HTTP 404/ })
  await assert.rejects(read(plan('"{url}/loop"'), { '/loop': to('/loop') }), {
    code: 'INVALID_LIST',
    message: /^standard input:5: .*leads to no version$/,
  })
  await assert.rejects(read(plan('"{url}/x"'), { '/x': to('/tag/a%20b') }), { code: 'INVALID_LIST' })
  await assert.rejects(read(plan('ftp://h/x')), {
    code: 'USAGE',
    message: /^standard input:5: the channel of the Plan .*not an http or https URL/,
  })
})

test('a manifest that is missing, a web page, compressed or without images is refused', async () => {
  await assert.rejects(read('apiVersion: v1\nkind: Namespace\n'), {
    code: 'INVALID_LIST',
    message: 'standard input: the manifest names no images',
  })
  await assert.rejects(read('<html>'), { message: 'standard input: this is a web page, not a Kubernetes manifest' })
  await using server = await fileServer({ '/x.gz': Uint8Array.of(0x1f, 0x8b) })
  await using client = testClient()
  await using dir = await tempDir()
  const options = { retry: atOnce }
  await assert.rejects(readManifest(client, `${server.url}/x.gz`, options), { message: /this is a gzip file, not a Kubernetes manifest$/ })
  await assert.rejects(readManifest(client, `${server.url}/y`, options), {
    message: /^Kubernetes manifest not found at http.* \(HTTP 404\)$/,
  })
  await assert.rejects(readManifest(client, dir.path, options), { message: `${dir.path}: this is a directory, not a Kubernetes manifest` })
  await assert.rejects(readManifest(client, `${dir.path}/x`, options), { hint: 'check the path given with options.manifests' })
})
