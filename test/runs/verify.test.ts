import assert from 'node:assert/strict'
import { test } from 'node:test'
import { verify } from '../../src/runs/verify.ts'
import { tinyIndex } from '../layout/tiny-image.ts'
import { memoryRegistry } from '../servers/memory-registry.ts'

test('reports a warning at once, and lists it once in the report', async () => {
  const image = tinyIndex()
  await using server = await memoryRegistry(({ kind, path }, response) => {
    const manifest = image.manifests.find(({ descriptor }) => path.endsWith(descriptor.digest))
    if (kind !== 'manifest-get' || manifest === undefined) return undefined
    const headers = { 'content-type': manifest.descriptor.mediaType, 'docker-content-digest': `sha256:${'0'.repeat(64)}` }
    response.writeHead(200, headers).end(manifest.bytes)
    return true
  })
  server.hold('rancher/x', '1', image)
  const warnings: string[] = []
  const report = await verify({ references: ['rancher/x:1'], to: server.url }, { onWarning: (message) => warnings.push(message) })
  assert.equal(report.totals.ok, 1)
  assert.match(warnings.join('\n'), /states another digest/)
  assert.deepEqual(report.warnings, warnings)
})

test('reports every image once, with the progress of the check', async () => {
  await using server = await memoryRegistry()
  server.hold('rancher/x', '1', tinyIndex())
  const lines: string[] = []
  const report = await verify(
    { references: ['rancher/x:1', 'rancher/y:1'], to: server.url, jobs: 1 },
    { onImage: ({ reference, status }, { done, images }) => lines.push(`${done}/${images} ${status} ${reference}`) },
  )
  assert.deepEqual(lines, ['1/2 ok docker.io/rancher/x:1', '2/2 missing docker.io/rancher/y:1'])
  assert.deepEqual([report.totals.failed, report.totals.requests], [1, server.requests.length])
})

test('checks no more images at once than options.jobs', async () => {
  const references = ['a', 'b', 'c', 'd'].map((name) => `rancher/${name}:1`)
  for (const jobs of [1, 2]) {
    let open = 0
    let most = 0
    await using server = await memoryRegistry(async ({ kind }) => {
      if (kind !== 'manifest-head') return undefined
      most = Math.max(most, ++open)
      await new Promise((resolve) => setImmediate(resolve))
      open--
      return undefined
    })
    await verify({ references, to: server.url, jobs })
    assert.ok(most <= jobs, `${most} at once`)
  }
})
