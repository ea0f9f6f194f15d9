import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { formatReference } from '../../src/oci/reference.ts'
import type { ImageList } from '../../src/release/image-list.ts'
import { selectImages, type SelectionOptions } from '../../src/release/select-images.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { atOnce, fileServer, fixture, paths, sha256Hex, testClient, type Answer } from './file-server.ts'

const newest = await fixture('k3s-images.v1.37.1+k3s1.txt')
const stable = await fixture('k3s-images.v1.36.3+k3s1.txt')
const files: Readonly<Record<string, Answer>> = {
  '/v1.37.1%2Bk3s1/k3s-images.txt': newest,
  '/v1.37.1%2Bk3s1/sha256sum-amd64.txt': `${sha256Hex(newest)}  k3s-images.txt\n`,
  '/v1.36.3%2Bk3s1/k3s-images.txt': stable,
  '/channels/stable': { status: 302, headers: { location: 'https://github.com/k3s-io/k3s/releases/tag/v1.36.3+k3s1' } },
  '/list.txt': 'alpine\n',
  '/moved.txt': { status: 301, headers: { location: '/list.txt' } },
}

interface Outcome extends ImageList {
  readonly names: readonly string[]
  readonly asked: readonly string[]
}

/** Runs a selection against a server with the files above; `{url}` in `images` is the server. */
async function select(options: SelectionOptions): Promise<Outcome> {
  await using server = await fileServer(files)
  await using client = testClient()
  const images = options.images?.map((name) => name.replace('{url}', server.url))
  const list = await selectImages(client, {
    artifactUrl: server.url,
    channelUrl: `${server.url}/channels`,
    retry: atOnce,
    ...options,
    images,
  })
  return { ...list, names: list.images.map((image) => formatReference(image)), asked: paths(server.requests) }
}

/** Asserts a USAGE error that comes before any request. */
async function refusedAtOnce(options: SelectionOptions, message: RegExp): Promise<void> {
  await using server = await fileServer(files)
  await using client = testClient()
  await assert.rejects(
    selectImages(client, { artifactUrl: server.url, channelUrl: server.url, retry: atOnce, ...options }),
    (error: Error & { code: string }) => {
      assert.match(error.code, /^(?:USAGE|INVALID_REFERENCE)$/)
      assert.match(error.message, message)
      assert.ok(!error.message.includes('canary'))
      return true
    },
  )
  assert.deepEqual(paths(server.requests), [])
}

test('a release by its tag', async () => {
  const { names, lists, warnings } = await select({ releases: ['v1.37.1+k3s1'] })
  assert.deepEqual(names, newest.toString().trimEnd().split('\n'))
  assert.deepEqual(lists, [
    { name: 'v1.37.1+k3s1', sha256: sha256Hex(newest), coverage: 'checksum-file', release: 'v1.37.1+k3s1', images: 8 },
  ])
  assert.deepEqual(warnings, [])
})

test('a release by its channel', async () => {
  const { names, lists, warnings } = await select({ releases: ['stable'] })
  assert.deepEqual(names, stable.toString().trimEnd().split('\n'))
  assert.deepEqual(lists, [
    { name: 'v1.36.3+k3s1', sha256: sha256Hex(stable), coverage: 'none', release: 'v1.36.3+k3s1', images: 8, channel: 'stable' },
  ])
  assert.match(warnings.join('\n'), /not covered by a checksum; its sha256 is [0-9a-f]{64}$/)
})

test('releases, lists and references are merged in this order, each image once', async () => {
  await using dir = await tempDir()
  const path = await dir.write('list.txt', 'docker.io/library/alpine:latest\nquay.io/b/c:1\n')
  const { names, lists } = await select({
    references: ['index.docker.io/alpine', 'quay.io/d/e:1', 'QUAY.io/b/c:1', 'quay.io/d/e:1'],
    images: [path, '{url}/moved.txt', '-'],
    stdin: Readable.from(['quay.io/f/g:1\n', 'quay.io/b/c:1']),
    releases: ['v1.37.1+k3s1', 'stable', 'v1.36.3+k3s1', 'v1.37.1+k3s1'],
  })
  const expected = new Set([...newest.toString().trimEnd().split('\n'), ...stable.toString().trimEnd().split('\n')])
  assert.deepEqual(names, [...expected, 'docker.io/library/alpine:latest', 'quay.io/b/c:1', 'quay.io/f/g:1', 'quay.io/d/e:1'])
  assert.deepEqual(
    lists.map(({ name, coverage, images }) => ({ name: name.replace(/^http.*\//, ''), coverage, images })),
    [
      { name: 'v1.37.1+k3s1', coverage: 'checksum-file', images: 8 },
      { name: 'v1.36.3+k3s1', coverage: 'none', images: 8 },
      { name: path, coverage: 'none', images: 2 },
      { name: 'moved.txt', coverage: 'none', images: 1 },
      { name: 'standard input', coverage: 'none', images: 2 },
    ],
  )
})

test('one release by two names is fetched once', async () => {
  const { asked, lists } = await select({ releases: ['v1.36.3+k3s1', 'stable'] })
  assert.equal(asked.filter((path) => path.endsWith('/k3s-images.txt')).length, 1)
  assert.deepEqual(
    lists.map(({ channel }) => channel),
    [undefined],
  )
  assert.deepEqual(
    (await select({ releases: ['stable', 'v1.36.3+k3s1'] })).lists.map(({ channel }) => channel),
    ['stable'],
  )
})

test('the result is plain data', async () => {
  const {
    names: _names,
    asked: _asked,
    ...list
  } = await select({ releases: ['stable'], references: ['test.com:5000'], include: ['nothing', '*'] })
  assert.deepEqual(JSON.parse(JSON.stringify(list)), list)
  assert.deepEqual(list.warnings.slice(1), [
    '"test.com:5000" is read as docker.io/library/test.com with the tag 5000',
    'options.include "nothing" matches no image',
  ])
})

test('include and exclude choose, and leaving nothing is refused', async () => {
  const { names } = await select({ releases: ['v1.37.1+k3s1'], include: ['*pause*', '*busybox*'], exclude: ['*:1.37.0'] })
  assert.deepEqual(names, ['docker.io/rancher/mirrored-pause:3.10.2'])
  await assert.rejects(select({ releases: ['v1.37.1+k3s1'], include: ['*nginx*'] }), {
    code: 'USAGE',
    message: 'no images are left: options.include and options.exclude drop all 8',
  })
})

test('a given checksum pins the one list', async () => {
  await using dir = await tempDir()
  const path = await dir.write('list.txt', 'alpine\n')
  const listSha256 = sha256Hex('alpine\n')
  assert.equal(
    (await select({ images: [path], listSha256: listSha256.toUpperCase(), references: ['busybox'] })).lists[0]?.coverage,
    'pinned',
  )
  assert.equal((await select({ images: ['{url}/list.txt'], listSha256 })).lists[0]?.coverage, 'pinned')
  assert.equal((await select({ releases: ['stable'], listSha256: sha256Hex(stable) })).lists[0]?.coverage, 'pinned')
  await assert.rejects(select({ images: [path], listSha256: '0'.repeat(64) }), {
    code: 'CHECKSUM_MISMATCH',
    message: new RegExp(`list\\.txt: .*${listSha256}`),
  })
  await assert.rejects(select({ releases: ['v1.37.1+k3s1'], listSha256 }), { code: 'CHECKSUM_MISMATCH' })
})

test('options that cannot be meant are refused before any request', async () => {
  const sha = '0'.repeat(64)
  await refusedAtOnce({}, /no images are selected/)
  await refusedAtOnce({ releases: [], images: [], references: [], include: ['*'] }, /no images are selected/)
  await refusedAtOnce({ releases: ['stable', 'latest'], listSha256: sha }, /exactly one list/)
  await refusedAtOnce({ releases: ['stable'], images: ['x'], listSha256: sha }, /exactly one list/)
  await refusedAtOnce({ references: ['alpine'], listSha256: sha }, /exactly one list/)
  await refusedAtOnce({ releases: ['stable'], listSha256: sha.slice(1) }, /64 hexadecimal digits/)
  await refusedAtOnce({ releases: ['stable', '1.37.1'] }, /"1\.37\.1" is not a K3s release tag/)
  await refusedAtOnce({ releases: ['stable'], references: ['Alpine:latest'] }, /are lower case/)
  await refusedAtOnce({ releases: ['stable'], exclude: [''] }, /not a glob/)
  await refusedAtOnce({ images: ['-', '-'], stdin: Readable.from(['alpine']) }, /given twice/)
  await refusedAtOnce({ images: ['-'] }, /standard input, which is not available/)
  await refusedAtOnce({ images: ['ftp://h/list.txt'] }, /is not an http or https URL/)
  await refusedAtOnce({ images: ['https://user:canary@h/list.txt'] }, /user name or password/)
  await refusedAtOnce({ releases: ['v1.37.1+k3s1'], artifactUrl: 'https://user:canary@h' }, /user name or password/)
  await refusedAtOnce({ releases: ['stable'], channelUrl: 'example' }, /the channel URL "example" is not/)
})

test('lists that fail end the selection with one error', async () => {
  await assert.rejects(select({ images: ['{url}/absent.txt'] }), {
    code: 'LIST_UNAVAILABLE',
    message: /^image list not found at http.*absent\.txt \(HTTP 404\)$/,
  })
  await assert.rejects(select({ releases: ['v1.37.1+k3s1', 'v1.99.9+k3s1'] }), { code: 'RELEASE_NOT_FOUND' })
  await assert.rejects(select({ releases: ['v1.16.15+k3s1'] }), { code: 'LIST_UNAVAILABLE' })
  await assert.rejects(select({ images: ['-'], stdin: Readable.from(['{"a":1}']) }), {
    code: 'INVALID_LIST',
    message: /^standard input: this is a JSON/,
  })
})

test('a fired signal ends a selection that waits', async () => {
  await using client = testClient()
  const controller = new AbortController()
  const stdin = new Readable({ read: () => setImmediate(() => controller.abort(new Error('stopped'))) })
  await assert.rejects(selectImages(client, { images: ['-'], stdin, signal: controller.signal }), { message: 'stopped' })
})

const plan = (source: string): string =>
  `apiVersion: upgrade.cattle.io/v1\nkind: Plan\nspec:\n  ${source}\n  upgrade:\n    image: rancher/k3s-upgrade\n`

test('upgrade images follow the releases, by tag and by channel, and are named as such', async () => {
  const { names, lists, namedBy, releases } = await select({ releases: ['v1.37.1+k3s1', 'stable'], withUpgradeImages: true })
  const upgrade = ['docker.io/rancher/k3s-upgrade:v1.37.1-k3s1', 'docker.io/rancher/k3s-upgrade:v1.36.3-k3s1']
  assert.deepEqual(names.slice(-2), upgrade)
  assert.deepEqual(
    lists.map(({ name, kind, images }) => ({ name, kind, images })),
    [
      { name: 'v1.37.1+k3s1', kind: undefined, images: 8 },
      { name: 'v1.36.3+k3s1', kind: undefined, images: 8 },
      { name: 'upgrade images of v1.37.1+k3s1', kind: 'upgrade-images', images: 1 },
      { name: 'upgrade images of v1.36.3+k3s1', kind: 'upgrade-images', images: 1 },
    ],
  )
  assert.deepEqual(namedBy[upgrade[0] ?? ''], ['upgrade images of v1.37.1+k3s1'])
  assert.deepEqual(releases[upgrade[1] ?? ''], ['v1.36.3+k3s1'])
  assert.deepEqual(namedBy[names[0] ?? ''], ['v1.37.1+k3s1', 'v1.36.3+k3s1'])
})

test('upgrade images need a release, which a bundle may have too', async () => {
  const message = /^options\.withUpgradeImages requires a release/
  await refusedAtOnce({ references: ['alpine'], withUpgradeImages: true }, message)
  await refusedAtOnce({ manifests: ['x.yaml'], withUpgradeImages: true }, message)
  await assert.rejects(select({ images: ['{url}/list.txt'], withUpgradeImages: true }), { code: 'USAGE', message })
  await using client = testClient()
  const list = { name: 'k3s.tar', sha256: '0'.repeat(64), release: 'v1.36.3+k3s1', images: 1 }
  const placed = { images: [{ registry: 'docker.io', path: 'a/b', tag: '1' }], lists: [list], warnings: [] }
  const options = { images: ['k3s.tar'], withUpgradeImages: true }
  const { images, releases } = await selectImages(client, options, {
    place: () => Promise.resolve(placed),
    lock: () => Promise.resolve(undefined),
  })
  assert.deepEqual(images.map(formatReference), ['docker.io/a/b:1', 'docker.io/rancher/k3s-upgrade:v1.36.3-k3s1'])
  assert.deepEqual(releases['docker.io/a/b:1'], ['v1.36.3+k3s1'])
})

test('a manifest is a list of its own kind, from a file, a URL or standard input', async () => {
  await using dir = await tempDir()
  const path = await dir.write('plan.yaml', plan('version: v1.37.1+k3s1'))
  const { names, lists, namedBy } = await select({
    manifests: [path, '-'],
    stdin: Readable.from([`${plan('version: v1.37.1+k3s1')}---\n${plan('version: v1.36.3+k3s1')}`]),
  })
  assert.deepEqual(names, ['docker.io/rancher/k3s-upgrade:v1.37.1-k3s1', 'docker.io/rancher/k3s-upgrade:v1.36.3-k3s1'])
  assert.deepEqual(
    lists.map(({ name, kind, images }) => [name, kind, images]),
    [
      [path, 'manifest', 1],
      ['standard input', 'manifest', 2],
    ],
  )
  assert.deepEqual(namedBy[names[0] ?? ''], [path, 'standard input'])
  await refusedAtOnce({ images: ['-'], manifests: ['-'], stdin: Readable.from([]) }, /standard input is given twice/)
  await refusedAtOnce({ manifests: [path], listSha256: '0'.repeat(64) }, /exactly one list/)
  await assert.rejects(select({ images: [path] }), { message: `${path}: this is a Kubernetes manifest, not an image list` })
})
