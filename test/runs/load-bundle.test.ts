import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { sha256 } from '../../src/oci/digest.ts'
import type { MirrorReport } from '../../src/report/report.ts'
import { loadBundle } from '../../src/runs/load-bundle.ts'
import { flipBit, packTar, placeOf } from '../bundle/bundle-files.ts'
import { dockerSave, indexJson, ociLayout } from '../bundle/foreign-files.ts'
import type { EngineOverride, EngineScript } from '../servers/engine-script.ts'
import { startScriptedEngine } from '../servers/scripted-engine.ts'
import { tempDir } from '../servers/temp-dir.ts'

/** Loads one image into an Engine of this script, and gives the report with what the Engine was sent. */
async function load(script: EngineScript): Promise<{ readonly report: MirrorReport; readonly loads: number; readonly sent: string }> {
  await using archive = await packTar(dockerSave({ tags: ['site/tool:1'], layers: [Buffer.alloc(1024)] }))
  await using server = await startScriptedEngine(script)
  const report = await loadBundle({ files: [archive.path], dockerHost: server.host, retry: { retries: 1, baseDelay: 1 } }).report
  const loads = server.requests.filter(({ path }) => path === '/images/load')
  return { report, loads: loads.length, sent: loads[0]?.body ?? '' }
}

const says =
  (...messages: readonly object[]): EngineOverride =>
  (_, response) =>
    void response.end(messages.map((message) => JSON.stringify(message)).join('\r\n'))

/** The Engine has the image, by this id, from the second time on that it is asked. */
const holds = (id: string): readonly EngineOverride[] => {
  const absent: EngineOverride = (_, response) => void response.writeHead(404).end('{"message":"No such image: site/tool:1"}')
  return [absent, says({ Id: id, Os: 'linux', Architecture: 'amd64' })]
}

const loaded = says({ stream: 'Loaded image: site/tool:1\n' })

test('identifies an image in a containerd store by the digest of its manifest', async () => {
  const { report: first } = await load({ store: 'containerd', overrides: { other: loaded, inspect: holds('sha256:0') } })
  assert.deepEqual([first.images[0]?.status, first.images[0]?.error?.code], ['failed', 'PROTOCOL'])
  const { digest = '' } = first.images[0] ?? {}
  const { report, loads, sent } = await load({ store: 'containerd', overrides: { other: loaded, inspect: holds(digest) } })
  assert.deepEqual([report.images[0]?.status, report.images[0]?.digest, loads], ['copied', digest, 1])
  assert.match(sent, /"io\.containerd\.image\.name":"docker\.io\/site\/tool:1"/)
})

test('reports an Engine error that follows a 200', async () => {
  const full = says(
    { status: 'Loading layer', id: 'a', progressDetail: { current: 1, total: 2 } },
    { errorDetail: { message: 'no space left on device' } },
  )
  const { report } = await load({ overrides: { other: full } })
  assert.deepEqual([report.images[0]?.status, report.images[0]?.error?.code], ['failed', 'NO_SPACE'])
})

test('fails when the Engine reports nothing and has no image', async () => {
  const { report } = await load({ overrides: { other: says() } })
  assert.equal(report.images[0]?.error?.code, 'PROTOCOL')
})

test('retries once with the archive from its start after the Engine closes the connection', async () => {
  const breaks: EngineOverride = (_, response) => void response.destroy()
  const { report, loads } = await load({ overrides: { other: [breaks, says()] } })
  assert.equal(loads, 2)
  assert.equal(report.images[0]?.error?.code, 'PROTOCOL')
})

test('reports a corrupt layer as INTEGRITY although the Engine answers before the end of the archive', async () => {
  const layer = Buffer.alloc(16_000_000, 'layer')
  await using archive = await packTar(dockerSave({ tags: ['site/tool:1'], layers: [layer] }))
  await flipBit(archive.path, await placeOf(archive.path, layer))
  await using directory = await tempDir()
  const answers: Readonly<Record<string, object>> = { '/version': { ApiVersion: '1.41', Os: 'linux', Arch: 'amd64' }, '/info': {} }
  const server = createServer((request, response) => {
    const path = (request.url ?? '').replace(/^\/v1\.41|\?.*$/g, '')
    request.resume()
    if (path === '/images/load') response.writeHead(200).write('{"status":"Loading layer"}\n')
    else response.writeHead(path in answers ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(answers[path] ?? {}))
  })
  server.listen(`${directory.path}/docker.sock`)
  await once(server, 'listening')
  try {
    const report = await loadBundle({ files: [archive.path], dockerHost: `unix://${directory.path}/docker.sock` }).report
    assert.equal(report.images[0]?.error?.code, 'INTEGRITY')
  } finally {
    server.close()
    server.closeAllConnections()
  }
})

test('loads the best match in the index for the processor of a 32-bit Arm Engine', async () => {
  const { files, manifests } = ociLayout(...['5', '6', '7'].map((version) => ({ architecture: 'arm', layers: [Buffer.from(version)] })))
  const entries = manifests.map(({ digest, size }, at) => ({
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    digest,
    size,
    platform: { os: 'linux', architecture: 'arm', variant: `v${at + 5}` },
  }))
  const mediaType = 'application/vnd.oci.image.index.v1+json'
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests: entries }))
  const root = { [`blobs/sha256/${sha256(index).slice(7)}`]: index }
  await using archive = await packTar({
    ...files,
    ...root,
    'index.json': indexJson(index, { 'io.containerd.image.name': 'docker.io/site/tool:1' }),
  })
  for (const [machine, at] of [
    ['armv6l', 1],
    ['armv7l', 2],
  ] as const) {
    const id = manifests[at]?.digest ?? ''
    const version = says({ ApiVersion: '1.41', Os: 'linux', Arch: 'arm' })
    await using server = await startScriptedEngine({
      store: 'containerd',
      info: { Architecture: machine },
      overrides: { version, other: loaded, inspect: holds(id) },
    })
    const { images, warnings } = await loadBundle({ files: [archive.path], dockerHost: server.host }).report
    assert.deepEqual([images[0]?.status, images[0]?.digest, images[0]?.platforms, warnings], ['copied', id, [`linux/arm/v${at + 5}`], []])
  }
})

test('loads an image of another platform only if the Engine can run it', async () => {
  await using archive = await packTar(dockerSave({ tags: ['site/tool:1'], architecture: '386', layers: [Buffer.alloc(1024)] }))
  const run = async (Arch: string) => {
    const version = says({ ApiVersion: '1.41', Os: 'linux', Arch })
    await using server = await startScriptedEngine({ overrides: { version, other: loaded, inspect: holds('sha256:0') } })
    return (await loadBundle({ files: [archive.path], dockerHost: server.host }).report).images[0]
  }
  assert.deepEqual((await run('amd64'))?.platforms, ['linux/386'])
  assert.equal((await run('arm64'))?.error?.code, 'NO_SUCH_PLATFORM')
})
