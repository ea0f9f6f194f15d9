import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { BlobLedger, copyBlob } from '../../src/copy/copy-blob.ts'
import { openRegistry } from '../registry/open-registry.ts'
import { memoryRegistry } from '../servers/memory-registry.ts'

const megabytes = 300
const block = Buffer.alloc(1_000_000, 'k3s-mirror ')

// E74
test('copies a blob of 300 MB to a slow destination with flat memory', async () => {
  const hash = createHash('sha256')
  for (let n = 0; n < megabytes; n++) hash.update(block)
  const descriptor = {
    mediaType: 'application/octet-stream',
    digest: `sha256:${hash.digest('hex')}`,
    size: megabytes * block.length,
  } as const

  await using from = await memoryRegistry(async ({ kind }, response) => {
    if (kind !== 'blob-get') return false
    response.writeHead(200, { 'content-length': descriptor.size })
    for (let n = 0; n < megabytes && !response.destroyed; n++) if (!response.write(block)) await once(response, 'drain')
    response.end()
    return true
  })
  let received = 0
  let peak = 0
  const stored = createHash('sha256')
  await using to = await memoryRegistry(async ({ kind, scripted }, response) => {
    if (kind !== 'upload-put') return false
    const request = response.req
    // the harness would collect the body
    request.removeAllListeners('data')
    let pause = 20_000_000
    for await (const chunk of request as AsyncIterable<Buffer>) {
      received += chunk.length
      stored.update(chunk)
      if (received < pause) continue
      pause += 20_000_000
      peak = Math.max(peak, process.memoryUsage().rss)
      await wait(50)
    }
    assert.equal(scripted.method, 'PUT')
    response.writeHead(201).end()
    return true
  })
  await using source = openRegistry(from.url)
  await using destination = openRegistry(to.url, { side: 'destination' })
  const before = process.memoryUsage().rss
  const copy = { descriptor, from: { registry: 'docker.io', path: 'a' }, to: { registry: 'r.example', path: 'a' } }
  assert.equal(await copyBlob(copy, { source, destination, ledger: new BlobLedger() }), 'copied')
  assert.equal(received, descriptor.size)
  assert.equal(`sha256:${stored.digest('hex')}`, descriptor.digest)
  const grown = (peak - before) / 1e6
  assert.ok(grown < 100, `${Math.round(grown)} MB more`)
})
