import assert from 'node:assert/strict'
import { test } from 'node:test'
import { version } from '../../src/version.ts'
import { tinyImage } from '../layout/tiny-image.ts'
import { startRegistry, type TestRegistry } from './start-registry.ts'

/** Samples by name and labels, after every line was held against the grammar of the format. */
async function samples(registry: TestRegistry): Promise<ReadonlyMap<string, number>> {
  const { status, headers, body } = await registry.call('GET', '/metrics')
  assert.deepEqual([status, headers['content-type']], [200, 'text/plain; version=0.0.4; charset=utf-8'])
  const text = body.toString()
  assert.ok(text.endsWith('\n'))
  const found = new Map<string, number>()
  for (const line of text.trimEnd().split('\n')) {
    if (/^# HELP [a-z_0-9]+ \S.*$|^# TYPE [a-z_0-9]+ (?:counter|gauge|histogram)$/.test(line)) continue
    const [, name = '', value] = /^([a-z_0-9]+(?:\{[a-z]+="[^"\\]*"(?:,[a-z]+="[^"\\]*")*\})?) (\S+)$/.exec(line) ?? []
    assert.ok(Number.isFinite(Number(value)), line)
    assert.ok(!found.has(name), `${name} twice`)
    found.set(name, Number(value))
  }
  return found
}

test('/healthz answers GET and HEAD with 200 ok, and refuses other methods', async () => {
  await using registry = await startRegistry()
  const { status, body } = await registry.call('GET', '/healthz')
  assert.deepEqual([status, body.toString()], [200, 'ok\n'])
  assert.equal((await registry.call('HEAD', '/healthz?now')).status, 200)
  for (const path of ['/healthz', '/metrics']) {
    const refused = await registry.call('POST', path, { body: 'x' })
    assert.deepEqual([refused.status, refused.headers.allow], [405, 'GET, HEAD'])
  }
  assert.equal((await registry.call('GET', '/healthz/')).status, 404)
})

test('counts requests, bytes, durations, uploads, repositories and tags', async () => {
  await using registry = await startRegistry()
  const layer = new Uint8Array(300_000)
  const image = tinyImage(layer)
  await registry.push('a', 'v1', image)
  await registry.push('a', 'v2', image)
  await registry.call('POST', '/v2/a/blobs/uploads/')
  await registry.call('GET', `/v2/a/blobs/${image.blobs[0]?.descriptor.digest}`)
  await registry.call('GET', '/v2/none/tags/list')
  while (registry.log.length < 9) await new Promise(setImmediate)
  const found = await samples(registry)
  const requests = [...found].filter(([name]) => name.startsWith('k3s_mirror_http_requests_total'))
  assert.deepEqual(Object.fromEntries(requests), {
    'k3s_mirror_http_requests_total{method="GET",status="2xx"}': 1,
    'k3s_mirror_http_requests_total{method="GET",status="4xx"}': 1,
    'k3s_mirror_http_requests_total{method="POST",status="2xx"}': 5,
    'k3s_mirror_http_requests_total{method="PUT",status="2xx"}': 2,
  })
  // a manifest, a configuration and a layer
  const stored = image.root.descriptor.size + image.blobs.reduce((sum, { bytes }) => sum + bytes.length, 0)
  assert.equal(found.get('k3s_mirror_stored_bytes'), stored)
  assert.equal(found.get(`k3s_mirror_build_info{version="${version}"}`), 1)
  const gauges = ['uploads_open', 'repositories', 'tags'].map((name) => found.get(`k3s_mirror_${name}`))
  assert.deepEqual(gauges, [1, 1, 2])
  const [received = 0, sent = 0] = ['received', 'sent'].map((name) => found.get(`k3s_mirror_${name}_bytes_total`))
  assert.ok(received > 600_000 && received < 620_000, `${received} bytes received`)
  assert.ok(sent > 300_000 && sent < 310_000, `${sent} bytes sent`)
  const buckets = [...found].filter(([name]) => name.includes('_bucket{')).map(([, count]) => count)
  assert.deepEqual(
    buckets,
    buckets.toSorted((a, b) => a - b),
  )
  assert.deepEqual([buckets.at(-1), found.get('k3s_mirror_http_request_duration_seconds_count')], [9, 9])
  assert.ok((found.get('k3s_mirror_http_request_duration_seconds_sum') ?? 0) > 0)
  const age = Date.now() / 1000 - (found.get('process_start_time_seconds') ?? 0)
  assert.ok(age > 0 && age < 600)
})

test('clients cannot add series', async () => {
  await using registry = await startRegistry()
  await samples(registry)
  const before = (await samples(registry)).size
  for (const method of ['PROPFIND', 'LOCK', 'SEARCH'])
    await registry.call(method, `/v2/${method.toLowerCase()}`, { headers: { 'user-agent': method } })
  await samples(registry)
  assert.equal((await samples(registry)).size, before + 1)
})
