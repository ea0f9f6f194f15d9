import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { test } from 'node:test'
import { mirrorToMany } from '../../src/runs/mirror-to-many.ts'
import { tinyImage, tinyManifest } from '../layout/tiny-image.ts'
import { hasty } from '../registry/open-registry.ts'
import { memoryRegistry, type Intercept } from '../servers/memory-registry.ts'

const megabytes = 300
const block = Buffer.alloc(1_000_000, 'k3s-mirror ')

test('streams a blob of 300 MB past a destination that takes nothing with flat memory', async () => {
  const hash = createHash('sha256')
  for (let n = 0; n < megabytes; n++) hash.update(block)
  const digest = `sha256:${hash.digest('hex')}` as const
  const size = megabytes * block.length
  const base = tinyImage()
  const document = JSON.parse(Buffer.from(base.root.bytes).toString()) as { readonly mediaType: string }
  const layers = [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size }]
  await using source = await memoryRegistry(async ({ kind, path }, response) => {
    if (kind !== 'blob-get' || !path.endsWith(digest)) return false
    response.writeHead(200, { 'content-length': size })
    for (let n = 0; n < megabytes && !response.destroyed; n++) if (!response.write(block)) await once(response, 'drain')
    response.end()
    return true
  })
  source.hold('rancher/a', '1', { ...base, manifests: [tinyManifest({ ...document, layers })] })

  let peak = 0
  const held = new Set<string>()
  const discard: Intercept = async ({ kind, path }, response) => {
    if (kind === 'blob-head' && path.endsWith(digest) && held.has(digest)) response.writeHead(200, { 'content-length': size }).end()
    else if (kind === 'manifest-put') response.writeHead(201).end()
    else if (kind === 'upload-put' && path.includes(digest.slice(7))) {
      const request = response.req
      // the harness would collect the body
      request.removeAllListeners('data')
      for await (const _ of request as AsyncIterable<Buffer>) peak = Math.max(peak, process.memoryUsage().rss)
      held.add(digest)
      response.writeHead(201).end()
    } else return false
    return true
  }
  await using fast = await memoryRegistry(discard)
  await using stuck = await memoryRegistry(({ kind }) => (kind === 'upload-put' ? new Promise(() => undefined) : undefined))
  const before = process.memoryUsage().rss
  const abort = new AbortController()
  const options = { references: ['rancher/a:1'], from: { '*': source.url }, retry: hasty, signal: abort.signal }
  const run = mirrorToMany({ ...options, to: [stuck.url, fast.url] })
  let wasStuck = false
  for await (const event of run) {
    if (event.type !== 'blob-copied' || event.to !== fast.url || event.digest !== digest) continue
    wasStuck = stuck.count('upload-put') > 0
    abort.abort()
  }
  assert.ok(wasStuck)
  const grown = (peak - before) / 1e6
  assert.ok(grown < 120, `${Math.round(grown)} MB more`)
})
