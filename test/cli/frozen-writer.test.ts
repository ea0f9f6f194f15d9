import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { request } from 'node:http'
import { kill } from 'node:process'
import { test } from 'node:test'
import { readLayout } from '../../src/layout/open-layout.ts'
import { tinyImage, type TinyImage } from '../layout/tiny-image.ts'
import { callUrl, startRegistry } from '../registry-server/start-registry.ts'
import { faultProxy } from '../servers/fault-proxy.ts'
import { freeze, inOwnProcessSpace, processWithin } from '../servers/frozen-process.ts'
import { requireServer } from '../servers/require-server.ts'
import { startCli } from '../servers/run-cli.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { serve, untilServing } from './serve-cli.ts'

const manifestType = { 'content-type': 'application/vnd.oci.image.manifest.v1+json' }

async function pushBlobs(url: string, { blobs }: TinyImage): Promise<void> {
  for (const { bytes, descriptor } of blobs)
    assert.equal((await callUrl(url, 'POST', `/v2/a/b/blobs/uploads/?digest=${descriptor.digest}`, { body: bytes })).status, 201)
}

async function putTag(url: string, tag: string, { root }: TinyImage): Promise<number> {
  return (await callUrl(url, 'PUT', `/v2/a/b/manifests/${tag}`, { body: root.bytes, headers: manifestType })).status
}

test('a server that was frozen while another one took over its layout answers pushes with 503, and loses none of the other', async (t) => {
  if (!requireServer(t, 'namespaces')) return
  await using directory = await tempDir()
  const layout = `${directory.path}/layout`
  const image = tinyImage()
  const first = await untilServing(startCli(['serve', layout, '--writable', '--listen', '127.0.0.1:0'], { within: inOwnProcessSpace }))
  let stderr = ''
  first.child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  try {
    await pushBlobs(first.url, image)
    assert.equal(await putTag(first.url, 'v1', image), 201)
    // A push that is under way when the process is frozen.
    const slow = request(`${first.url}/v2/a/b/manifests/slow`, {
      method: 'PUT',
      headers: { ...manifestType, 'content-length': image.root.bytes.length },
    })
    slow.flushHeaders()
    slow.write(image.root.bytes.subarray(0, 10))
    await once(slow, 'socket')
    const wake = await freeze(await processWithin(first.child), `${layout}/.k3s-mirror`)
    const second = await serve(layout, '--writable')
    try {
      assert.equal(await putTag(second.url, 'v2', image), 201)
      assert.equal(await putTag(second.url, 'v3', image), 201)
      const other = tinyImage()
      await pushBlobs(second.url, other)
      assert.equal(await putTag(second.url, 'v4', other), 201)
      slow.end(image.root.bytes.subarray(10))
      const deletion = callUrl(first.url, 'DELETE', `/v2/a/b/manifests/v1`)
      wake()
      const [answered] = (await once(slow, 'response')) as [{ statusCode: number; resume(): void }]
      answered.resume()
      assert.equal(answered.statusCode, 503)
      assert.equal((await deletion).status, 503)
      const refused = await callUrl(first.url, 'PUT', '/v2/a/b/manifests/v5', { body: image.root.bytes, headers: manifestType })
      assert.equal(refused.status, 503)
      assert.match(refused.body.toString(), /another process took over the layout of this registry/)
      assert.equal((await callUrl(first.url, 'POST', '/v2/a/b/blobs/uploads/')).status, 503)
      assert.equal((await callUrl(first.url, 'GET', '/v2/a/b/manifests/v1')).status, 200)
      assert.equal((await callUrl(first.url, 'GET', '/healthz')).status, 503)
      assert.equal((await callUrl(second.url, 'GET', '/healthz')).status, 200)
      assert.equal(await putTag(second.url, 'v6', image), 201)
    } finally {
      second.child.kill('SIGTERM')
      await second.finished
    }
  } finally {
    first.child.kill('SIGKILL')
    await first.finished
  }
  assert.equal(stderr.split('another process took over this layout (LAYOUT_LOCKED)').length, 2, stderr)
  assert.ok(!stderr.includes('a request failed'), stderr)
  const reader = await readLayout(layout)
  assert.deepEqual(reader.tags({ registry: 'localhost', path: 'a/b' }), ['v1', 'v2', 'v3', 'v4', 'v6'])
})

test('a mirror that was frozen while another process took over its layout ends with that error, and changes nothing', async (t) => {
  if (!requireServer(t, 'namespaces')) return
  await using directory = await tempDir()
  await using registry = await startRegistry()
  await using source = await faultProxy(registry.url)
  const layout = `${directory.path}/layout`
  const images = Array.from({ length: 8 }, () => tinyImage())
  for (const [at, image] of images.entries()) await registry.push(`lib/i${at}`, 'v1', image)
  const list = images.map((_, at) => `docker.io/lib/i${at}:v1\n`).join('')
  const args = ['mirror', '--images', '-', '--from', `docker.io=${source.url}`, '--to', `oci:${layout}`, '--jobs', '2']
  const { child, finished } = await startCli(args, { stdin: list, within: inOwnProcessSpace })
  const pid = await processWithin(child)
  await new Promise<void>((resolve) => {
    source.rule = ({ method, path }) => {
      if (method === 'GET' && path.includes('/blobs/')) {
        kill(pid, 'SIGSTOP')
        resolve()
      }
      return undefined
    }
  })
  source.rule = () => undefined
  const wake = await freeze(pid, `${layout}/.k3s-mirror`)
  const second = await serve(layout, '--writable')
  try {
    const own = tinyImage()
    await pushBlobs(second.url, own)
    assert.equal(await putTag(second.url, 'v1', own), 201)
    wake()
    const { status, stderr, stdout } = await finished
    assert.equal(status, 1, stderr)
    assert.match(stderr + stdout, /another process took over this layout \(LAYOUT_LOCKED\)/)
  } finally {
    second.child.kill('SIGTERM')
    await second.finished
  }
  const reader = await readLayout(layout)
  assert.deepEqual(reader.repositories(), [{ registry: 'localhost', path: 'a/b' }])
  assert.deepEqual((await readdir(`${layout}/.k3s-mirror`)).toSorted(), ['manifests.ndjson', 'reserve', 'uploads'])
})
