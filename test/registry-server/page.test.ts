import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { pageSources } from '../../src/cli/output/serve-nodes.ts'
import type { Layout } from '../../src/layout/layout.ts'
import { openLayout } from '../../src/layout/open-layout.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { escapeHtml, html } from '../../src/registry-server/html.ts'
import { InventoryReader } from '../../src/registry-server/inventory.ts'
import { createRegistryServer, type RegistryServerOptions } from '../../src/registry-server/registry-server.ts'
import { contentOf, storeImage, tinyBlob, tinyImage, tinyIndex, tinyManifest } from '../layout/tiny-image.ts'
import { putBlob } from '../oci/put-blob.ts'
import { plainRequest, type PlainResponse } from '../servers/http-request.ts'
import { tempDir } from '../servers/temp-dir.ts'

interface Page extends AsyncDisposable {
  readonly url: string
  readonly layout: Layout
  readonly directory: string
  get(headers?: Readonly<Record<string, string>>, method?: string): Promise<PlainResponse>
  text(): Promise<string>
}

async function startPage(options: Partial<RegistryServerOptions> = {}): Promise<Page> {
  const dir = await tempDir()
  const layout = await openLayout(dir.path, { durable: false })
  const server = createRegistryServer({
    layout,
    page: pageSources(
      {
        reader: layout,
        skipped: [],
        namesPath: `${dir.path}/index.json`,
        contentPath: (digest) => `${dir.path}/blobs/${digest.replace(':', '/')}`,
      },
      false,
    ),
    ...options,
  })
  const { url } = await server.listen('127.0.0.1', 0)
  const get: Page['get'] = (headers = {}, method = 'GET') => plainRequest(url, { method, headers: { accept: 'text/html', ...headers } })
  return {
    url,
    layout,
    directory: dir.path,
    get,
    text: async () => (await get()).body.toString(),
    async [Symbol.asyncDispose]() {
      await server.close({ graceMilliseconds: 0 })
      await layout.close()
      await dir[Symbol.asyncDispose]()
    },
  }
}

/** The table's cells as text, row by row. */
function cells(page: string): readonly (readonly string[])[] {
  const body = /<tbody>([^]*)<\/tbody>/.exec(page)?.[1] ?? ''
  return [...body.matchAll(/<tr>([^]*?)<\/tr>/g)].map(([, row = '']) =>
    [...row.matchAll(/<t[hd][^>]*>([^]*?)<\/t[hd]>/g)].map(([, cell = '']) => cell.replace(/<[^>]*>/g, '')),
  )
}

test('lists the images, and the platforms that a sparse index lacks', async () => {
  await using page = await startPage()
  const { layout } = page
  assert.match(await page.text(), /There are no images yet/)
  const index = tinyIndex()
  const single = tinyImage(new Uint8Array(2_000_000), 'arm64')
  await storeImage(layout, 'docker.io/rancher/pause:3.10', index)
  await storeImage(layout, 'localhost/mine/app:v1', single)
  const half = tinyIndex()
  for (const { bytes, descriptor } of half.blobs)
    await putBlob(layout, { registry: 'quay.io', path: 'a/b' }, descriptor, async () => contentOf(bytes))
  const [amd64] = half.manifests
  assert.ok(amd64)
  await layout.putManifest({ registry: 'quay.io', path: 'a/b', digest: amd64.descriptor.digest }, amd64)
  await layout.putManifest({ registry: 'quay.io', path: 'a/b', tag: '1' }, half.root)
  const text = await page.text()
  const rows = cells(text)
  assert.deepEqual(
    rows.map(([name, tag, digest, platforms]) => [name, tag, digest, platforms]),
    [
      ['docker.io/rancher/pause', '3.10', index.root.descriptor.digest, 'linux/amd64, linux/arm64'],
      ['mine/app', 'v1', single.root.descriptor.digest, 'linux/arm64'],
      ['quay.io/a/b', '1', half.root.descriptor.digest, 'linux/amd64 missing: linux/arm64'],
    ],
  )
  assert.equal(rows[1]?.[4], '2 MB')
  assert.match(rows[0]?.[5] ?? '', /^\d{4}-\d\d-\d\d \d\d:\d\d$/)
  assert.match(text, /<dt>tags<\/dt>\s*<dd>3<\/dd>/)
  // 2 + 1 + 1 images of manifest, configuration and layer, and two indexes
  assert.match(text, /<dt>blobs and manifests<\/dt>\s*<dd>14<\/dd>/)
})

test('shows later images, not deleted ones, and marks damage only in its row', async () => {
  await using page = await startPage()
  const { layout, directory } = page
  const [first, second] = [tinyImage(), tinyImage()]
  await storeImage(layout, 'docker.io/a/a:1', first)
  await page.text()
  await storeImage(layout, 'docker.io/a/b:1', second)
  const { digest, size } = second.root.descriptor
  await writeFile(join(directory, 'blobs', digest.replace(':', '/')), 'x'.repeat(size))
  const rows = cells(await page.text())
  assert.deepEqual(
    rows.map(([name, , , platforms]) => [name, platforms]),
    [
      ['docker.io/a/a', 'linux/amd64'],
      ['docker.io/a/b', ' damaged'],
    ],
  )
  await layout.deleteTag({ registry: 'docker.io', path: 'a/a' }, '1')
  assert.equal(cells(await page.text()).length, 1)
})

test('escapes everything that was pushed or sent', async () => {
  await using page = await startPage()
  const evil = '<script>alert(1)</script>"\'&'
  const config = tinyBlob(Buffer.from(JSON.stringify({ os: evil, architecture: evil })))
  const child = tinyManifest({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: config.descriptor,
    layers: [],
  })
  const platform = { os: `${evil}\u202e`, architecture: evil }
  const root = tinyManifest({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [{ ...child.descriptor, platform }],
  })
  await storeImage(page.layout, 'docker.io/a/config:1', { blobs: [config], manifests: [child], root: child })
  await storeImage(page.layout, 'docker.io/a/index:1', { blobs: [config], manifests: [child, root], root })
  const { body } = await page.get({ host: `x"><script>alert(2)</script>` })
  const text = body.toString()
  assert.equal(text.match(/<script>/g)?.length, 1)
  assert.ok(!text.includes('alert(2)') && !text.includes('\u202e'))
  assert.equal(text.match(/&lt;script&gt;alert\(1\)&lt;\/script&gt;&quot;&#39;&amp;/g)?.length, 4)
})

test('generates registries.yaml for the address of the request', async () => {
  await using page = await startPage()
  await storeImage(page.layout, 'docker.io/rancher/a:1', tinyImage())
  const endpoint = async (host: string): Promise<string | undefined> =>
    /<pre[^>]*>[^]*- (http[^\s]*)[^]*<\/pre>/.exec((await page.get({ host })).body.toString())?.[1]
  assert.equal(await endpoint('Registry.Example.com:5000'), 'http://registry.example.com:5000')
  assert.equal(await endpoint('[fd00::1]:5000'), 'http://[fd00::1]:5000')
  for (const host of ['a b', 'user@host', 'x/y', "'", 'host:99999', '']) assert.equal(await endpoint(host), page.url, host)
})

test('answers GET and HEAD only, and its policy allows only its own style and script', async () => {
  await using page = await startPage()
  await storeImage(page.layout, 'docker.io/a/a:1', tinyImage())
  for (const method of ['POST', 'PUT', 'DELETE']) {
    const { status, headers } = await page.get({}, method)
    assert.deepEqual([status, headers.allow], [405, 'GET, HEAD'])
  }
  assert.deepEqual([(await page.get({}, 'HEAD')).status, (await page.get({}, 'HEAD')).body.length], [200, 0])
  const { headers, body } = await page.get()
  const text = body.toString()
  const policy = String(headers['content-security-policy'])
  assert.match(policy, /^default-src 'none'; /)
  for (const element of ['style', 'script']) {
    const content = new RegExp(`<${element}>([^]*?)</${element}>`).exec(text)?.[1] ?? ''
    assert.ok(policy.includes(`${element}-src 'sha256-${createHash('sha256').update(content).digest('base64')}'`))
  }
  assert.doesNotMatch(text.replace(/<pre[^]*<\/pre>/, ''), /src=|href="(?!\/registries\.yaml")|https?:\/\/(?!127\.)/)
})

test('offers registries.yaml as a download for the address of the request', async () => {
  await using page = await startPage()
  const download = (headers: Readonly<Record<string, string>> = {}, method = 'GET'): Promise<PlainResponse> =>
    plainRequest(`${page.url}/registries.yaml`, { method, headers })
  assert.equal((await download()).status, 404)
  await storeImage(page.layout, 'docker.io/rancher/a:1', tinyImage())
  const { status, headers, body } = await download({ host: 'Registry.Example.com:5000' })
  assert.deepEqual(
    [status, headers['content-type'], headers['content-disposition']],
    [200, 'application/yaml', 'attachment; filename="registries.yaml"'],
  )
  assert.match(body.toString(), /^ {6}- http:\/\/registry\.example\.com:5000$/m)
  assert.doesNotMatch(body.toString(), /means the node itself/)
  for (const host of ['a b', 'x/y', "'", 'host:99999']) {
    const text = (await download({ host })).body.toString()
    assert.match(text, new RegExp(`^ {6}- ${page.url}$`, 'm'), host)
    assert.equal(text.match(/^# Warning: 127\.0\.0\.1 means the node itself: use an address that nodes can reach$/gm)?.length, 1)
  }
  assert.match((await page.get({ host: 'localhost:5000' })).body.toString(), /localhost means the node itself/)
  assert.doesNotMatch((await page.get({ host: 'registry.example.com' })).body.toString(), /means the node itself/)
  assert.deepEqual([(await download({}, 'HEAD')).status, (await download({}, 'POST')).status], [200, 405])
})

test('names the releases of a layout, and forgets those of deleted and replaced tags', async () => {
  await using page = await startPage()
  const { layout } = page
  const [pause, helm] = [tinyImage(), tinyImage()]
  await storeImage(layout, 'docker.io/rancher/pause:1', pause)
  await storeImage(layout, 'docker.io/rancher/helm:1', helm)
  await storeImage(layout, 'docker.io/other/app:1', tinyImage())
  assert.doesNotMatch(await page.text(), /Releases|Images of/)
  const record = (release: string, ...names: readonly string[]): Promise<void> =>
    layout.recordReleases(names.map((name) => ({ reference: parseReference(name), releases: [release] })))
  await record('v1.36.2+k3s1', 'rancher/pause:1', 'rancher/absent:1')
  await record('v1.37.1+k3s1', 'rancher/pause:1', 'rancher/helm:1')
  assert.match(await page.text(), /Images of v1\.36\.2\+k3s1 \(1 image\), v1\.37\.1\+k3s1 \(2 images\)\./)
  const releases = async (): Promise<readonly (readonly [string | undefined, string | undefined])[]> =>
    cells(await page.text()).map(([name, , , , , , of]) => [name, of])
  assert.deepEqual(await releases(), [
    ['docker.io/other/app', ''],
    ['docker.io/rancher/helm', 'v1.37.1+k3s1'],
    ['docker.io/rancher/pause', 'v1.36.2+k3s1, v1.37.1+k3s1'],
  ])
  await storeImage(layout, 'docker.io/rancher/pause:1', pause)
  await storeImage(layout, 'docker.io/rancher/helm:1', tinyImage())
  assert.match(await page.text(), /Images of v1\.36\.2\+k3s1 \(1 image\), v1\.37\.1\+k3s1 \(1 image\)\./)
  await layout.deleteTag({ registry: 'docker.io', path: 'rancher/pause' }, '1')
  assert.doesNotMatch(await page.text(), /Releases|Images of/)
})

test('lists 900 images, and reads none of them again for the next request', async () => {
  await using page = await startPage()
  const image = tinyIndex(['amd64', 'arm64', 's390x'])
  for (let at = 0; at < 900; at++) await storeImage(page.layout, `docker.io/rancher/image-${at % 300}:v${at}`, image)
  let reads = 0
  const getManifest = page.layout.getManifest.bind(page.layout)
  page.layout.getManifest = (...args) => {
    reads++
    return getManifest(...args)
  }
  assert.equal(cells(await page.text()).length, 900)
  assert.ok(reads >= 300, `${reads} manifests`)
  reads = 0
  assert.equal(cells(await page.text()).length, 900)
  assert.equal(reads, 0)
})

test('reads an index once that lists its children a thousand times on each level', async () => {
  await using directory = await tempDir()
  await using layout = await openLayout(directory.path, { durable: false })
  const image = tinyImage()
  await storeImage(layout, 'localhost/a/b:v1', image)
  let { descriptor } = image.root
  for (const level of ['l0', 'l1', 'l2', 'l3']) {
    const manifests = Array.from({ length: 1000 }, () => descriptor)
    const index = tinyManifest({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests })
    await layout.putManifest(parseReference(`localhost/a/b:${level}`), index)
    descriptor = index.descriptor
  }
  let reads = 0
  const getManifest = layout.getManifest.bind(layout)
  layout.getManifest = (...request) => {
    reads++
    return getManifest(...request)
  }
  const { entries } = await new InventoryReader(layout, undefined).read()
  assert.deepEqual(
    entries.map(({ tag, platforms }) => [tag, platforms]),
    ['l0', 'l1', 'l2', 'l3', 'v1'].map((tag) => [tag, ['linux/amd64']]),
  )
  assert.ok(reads <= 15, `${reads} manifests were read`)
})

test('escaped text has no markup and decodes to the original', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const escaped = escapeHtml(text)
      assert.doesNotMatch(escaped, /[<>"']/)
      assert.equal(html`${text}`.text, escaped)
      const names: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" }
      const back = escaped.replace(/&([a-z#0-9]+);/g, (_, name: string) => names[name] ?? '')
      assert.equal(back, text.replace(/(?!\n)[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, '\ufffd'))
    }),
  )
})
