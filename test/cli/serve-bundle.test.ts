import assert from 'node:assert/strict'
import { readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { flipBit, placeOf } from '../bundle/bundle-files.ts'
import { callUrl, startRegistry } from '../registry-server/start-registry.ts'
import { compareRelease } from '../servers/compare-release.ts'
import { startContainerd } from '../servers/containerd.ts'
import { plainRequest } from '../servers/http-request.ts'
import { requireServer } from '../servers/require-server.ts'
import { runCli } from '../servers/run-cli.ts'
import { seedRelease, type SeededRelease } from '../servers/seed-release.ts'
import { skopeo } from '../servers/skopeo.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { serve, stop } from './serve-cli.ts'

/** A bundle of a whole release, whose source is gone. */
interface Bundled extends AsyncDisposable {
  readonly file: string
  readonly directory: string
  readonly release: SeededRelease
}

async function bundled(): Promise<Bundled> {
  const directory = await tempDir()
  await using from = await startRegistry()
  const release = await seedRelease(from.url)
  const file = `${directory.path}/k3s.tar`
  const created = await runCli(['bundle', 'create', file, '--images', '-', '--from', `docker.io=${from.url}`], { stdin: release.list })
  assert.equal(created.status, 0, created.stderr)
  return { file, directory: directory.path, release, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() }
}

test('serves every byte, tag and catalogue entry of a bundle, and refuses writes', async () => {
  await using place = await bundled()
  const { file, release } = place
  const before = await readFile(file)
  const running = await serve(file)
  try {
    await compareRelease(running.url, '', release)
    const catalogue = await callUrl(running.url, 'GET', '/v2/_catalog')
    assert.deepEqual(catalogue.json(), { repositories: release.images.map(({ repository }) => repository).toSorted() })
    for (const { repository, tag, index } of release.images) {
      assert.deepEqual((await callUrl(running.url, 'GET', `/v2/${repository}/tags/list`)).json(), { name: repository, tags: [tag] })
      const head = await callUrl(running.url, 'HEAD', `/v2/${repository}/manifests/${tag}?ns=docker.io`)
      assert.deepEqual([head.headers['docker-content-digest'], head.headers.etag], [index.digest, `"${index.digest}"`])
      const unchanged = { headers: { 'if-none-match': head.headers.etag ?? '' } }
      assert.equal((await callUrl(running.url, 'GET', `/v2/${repository}/manifests/${tag}`, unchanged)).status, 304)
    }
    const pushed = await runCli(['mirror', '--images', '-', '--from', `docker.io=${running.url}`, '--to', `${running.url}/x`], {
      stdin: release.list,
    })
    assert.equal(pushed.status, 1)
    const [first] = release.images
    for (const [method, path] of [
      ['POST', '/v2/x/blobs/uploads/'],
      ['PUT', '/v2/x/manifests/1'],
      ['DELETE', `/v2/${first?.repository}/manifests/${first?.index.digest}`],
    ] as const)
      assert.equal((await callUrl(running.url, method, path)).status, 405)
  } finally {
    assert.equal((await stop(running, 'SIGTERM')).status, 0)
  }
  assert.ok(before.equals(await readFile(file)), 'the file is as it was')
})

test('serves ranges of a blob of a bundle', async () => {
  await using place = await bundled()
  const [image] = place.release.images
  const layer = image?.manifests[0]?.layers[1]
  assert.ok(image !== undefined && layer?.content !== undefined)
  const bytes = layer.content()
  const running = await serve(place.file)
  try {
    const path = `/v2/${image.repository}/blobs/${layer.digest}`
    const last = bytes.length - 1
    for (const [range, from, to] of [
      ['bytes=0-0', 0, 0],
      ['bytes=100-200', 100, 200],
      ['bytes=-7', bytes.length - 7, last],
      [`bytes=50-`, 50, last],
      [`bytes=0-${bytes.length * 2}`, 0, last],
    ] as const) {
      const answer = await callUrl(running.url, 'GET', path, { headers: { range } })
      assert.deepEqual([answer.status, answer.headers['content-range']], [206, `bytes ${from}-${to}/${bytes.length}`])
      assert.ok(answer.body.equals(bytes.subarray(from, to + 1)), range)
    }
    assert.equal((await callUrl(running.url, 'GET', path, { headers: { range: `bytes=${bytes.length}-` } })).status, 416)
    const head = await callUrl(running.url, 'HEAD', path)
    assert.deepEqual([head.status, head.headers['content-length']], [200, String(bytes.length)])
    assert.equal((await callUrl(running.url, 'GET', path, { headers: { 'if-none-match': head.headers.etag ?? '' } })).status, 304)
  } finally {
    await stop(running)
  }
})

test('skopeo copies every image of a served bundle with the digests of its source', async (t) => {
  if (!requireServer(t, 'skopeo')) return
  await using place = await bundled()
  const running = await serve(place.file)
  try {
    for (const { repository, tag, index } of place.release.images) {
      const name = `docker://${new URL(running.url).host}/${repository}:${tag}`
      await skopeo('copy', '--all', '--preserve-digests', name, `dir:${place.directory}/copied`)
      assert.ok((await readFile(`${place.directory}/copied/manifest.json`)).equals(index.bytes), repository)
    }
  } finally {
    await stop(running)
  }
})

/** The registries.yaml of the server's page, as a reader copies it. */
async function nodeFile(url: string): Promise<string> {
  const { status, body } = await plainRequest(url, { headers: { accept: 'text/html' } })
  assert.equal(status, 200)
  const escaped = /<pre[^>]*>([^]*?)<\/pre>/.exec(body.toString())?.[1] ?? ''
  const names: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" }
  return escaped.replaceAll(/&([#\w]+);/g, (text, name: string) => names[name] ?? text)
}

test('nodes pull every image of a served bundle by the registries.yaml on its page', async (t) => {
  if (!requireServer(t, 'containerd')) return
  await using place = await bundled()
  const running = await serve(place.file)
  try {
    const out = `${place.directory}/rendered`
    const registries = `${place.directory}/registries.yaml`
    await writeFile(registries, await nodeFile(running.url))
    const rendered = await runCli(['registries', 'render', '--registries', registries, '--out', out, '--config-version', '2'])
    assert.equal(rendered.status, 0, rendered.stderr)
    await using containerd = await startContainerd({ config: await readFile(`${out}/config.toml`, 'utf8'), hostsDir: `${out}/certs.d` })
    const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64'
    for (const { reference, manifests } of place.release.images) {
      const { id } = await containerd.criPull(reference)
      const own = manifests.find(({ platform }) => platform.os === 'linux' && platform.architecture === architecture)
      assert.equal(id, own?.config.digest, reference)
    }
    const origins = new Set(containerd.attempts().map(({ url }) => new URL(url).origin))
    assert.deepEqual([...origins], [running.url])
    assert.deepEqual(containerd.asked, [], 'nothing is asked for outside')
  } finally {
    await stop(running)
  }
})

test('lists the images of a bundle on the page, with the time of the file', async () => {
  await using place = await bundled()
  const running = await serve(place.file)
  try {
    const page = (await plainRequest(running.url, { headers: { accept: 'text/html' } })).body.toString()
    const made = (await stat(place.file)).mtime.toISOString()
    assert.ok(page.includes('read-only') && page.includes(made))
    assert.doesNotMatch(page, /damaged|unknown/)
    assert.match(page, /<p>Images of standard input\.<\/p>/)
    for (const { repository, index } of place.release.images)
      assert.ok(page.includes(repository) && page.includes(index.digest), repository)
    assert.match((await plainRequest(`${running.url}/metrics`)).body.toString(), new RegExp(` ${place.release.images.length}\n`))
  } finally {
    await stop(running)
  }
})

test('answers 500 for a damaged blob of a bundle, whole and in ranges, and serves everything else', async () => {
  await using place = await bundled()
  const [image, other] = place.release.images
  const layer = image?.manifests[0]?.layers[1]
  const sound = other?.manifests[0]?.layers[1]
  assert.ok(image !== undefined && layer?.content !== undefined && other !== undefined && sound?.content !== undefined)
  await flipBit(place.file, (await placeOf(place.file, layer.content())) + layer.size - 3)
  const running = await serve(place.file)
  try {
    const path = `/v2/${image.repository}/blobs/${layer.digest}`
    for (const headers of [{}, { range: 'bytes=0-9' }, { range: 'bytes=-9' }]) {
      const { status, code, body } = await callUrl(running.url, 'GET', path, { headers })
      assert.deepEqual([status, code], [500, 'UNKNOWN'])
      assert.match(body.toString(), /damaged/)
    }
    const whole = await callUrl(running.url, 'GET', `/v2/${other.repository}/blobs/${sound.digest}`)
    assert.ok(whole.body.equals(sound.content()))
    // cut off while it is served: what is missing does not come, and nothing else does in its place
    await truncate(place.file, await placeOf(place.file, sound.content()))
    await assert.rejects(callUrl(running.url, 'GET', `/v2/${other.repository}/blobs/${sound.digest}`))
  } finally {
    const { stderr } = await stop(running)
    assert.match(
      stderr,
      new RegExp(`^warning: a request failed: .*k3s\\.tar: the content of ${layer.digest} does not match its digest`, 'm'),
    )
  }
})

test('refuses at the start a truncated bundle, a damaged manifest and a swapped name', async () => {
  await using place = await bundled()
  const { file, release } = place
  const [image] = release.images
  assert.ok(image !== undefined)
  const starts = async (words: RegExp): Promise<void> => {
    const { status, stderr } = await runCli(['serve', file, '--listen', '127.0.0.1:0'])
    assert.equal(status, 3, stderr)
    assert.match(stderr, words)
    assert.match(stderr, /^hint: copy the file again/m)
  }
  const turned = async (at: number, words: RegExp): Promise<void> => {
    await flipBit(file, at)
    await starts(words)
    await flipBit(file, at)
  }
  await turned(await placeOf(file, image.index.bytes), new RegExp(`the content of ${image.index.digest} does not match its digest`))
  const child = image.manifests[0]?.bytes ?? Buffer.alloc(0)
  await turned((await placeOf(file, child)) + 50, /does not match its digest/)
  // the name stands in index.json first
  await turned((await placeOf(file, `${image.repository}:${image.tag}`)) + image.repository.length + 2, /index\.json does not match/)
  await turned((await placeOf(file, `"reference": "${image.reference}"`)) + 20, /index\.json does not match/)
  await truncate(file, (await stat(file)).size - 5000)
  await starts(/the archive is truncated/)
})

test('refuses to serve a bundle for writing, and a file that is not a bundle', async () => {
  await using place = await bundled()
  const writable = await runCli(['serve', place.file, '--writable'])
  assert.equal(writable.status, 2)
  assert.match(
    writable.stderr,
    /^error: a bundle cannot be served with --writable: .*k3s\.tar is a file \(USAGE\)\nhint: remove --writable, or .*\n$/,
  )
  await using directory = await tempDir()
  const text = await runCli(['serve', await directory.write('text.tar', 'hello\n'.repeat(400))])
  assert.equal(text.status, 2)
  assert.match(text.stderr, /" is not an archive: it is a text file/)
})
