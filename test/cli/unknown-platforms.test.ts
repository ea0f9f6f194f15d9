import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sha256 } from '../../src/oci/digest.ts'
import type { MirrorReport } from '../../src/report/report.ts'
import { packTar } from '../bundle/bundle-files.ts'
import { indexJson, ociLayout } from '../bundle/foreign-files.ts'
import { startRegistry } from '../registry-server/start-registry.ts'
import { plainRequest } from '../servers/http-request.ts'
import { runCli } from '../servers/run-cli.ts'

const image = 'docker.io/site/tool:1'
const layout = ociLayout(
  { architecture: 'amd64', layers: [Buffer.alloc(1024, 'amd64')] },
  { architecture: 'arm64', layers: [Buffer.alloc(1024, 'arm64')] },
  { layers: [Buffer.alloc(1024, 'scan')] },
  { layers: [Buffer.alloc(1024, 'bill')] },
)
const document = JSON.parse(layout.index.toString()) as { manifests: { platform: object }[] }
for (const entry of document.manifests.slice(2)) entry.platform = { os: 'unknown', architecture: 'unknown' }
const index = Buffer.from(JSON.stringify(document))
const files = {
  ...layout.files,
  [`blobs/sha256/${sha256(index).slice(7)}`]: index,
  'index.json': indexJson(index, { 'io.containerd.image.name': image }),
}

test('pushes, mirrors and verifies children of unknown/unknown without an annotation', async () => {
  await using packed = await packTar(files)
  await using from = await startRegistry()
  await using to = await startRegistry()
  const info = await runCli(['bundle', 'info', packed.path])
  assert.match(info.stdout, /linux\/amd64,linux\/arm64\n/)
  assert.equal((await runCli(['bundle', 'check', packed.path])).status, 0)
  const push = await runCli(['bundle', 'push', packed.path, '--to', from.url, '--output', 'json'])
  assert.equal(push.status, 0, push.stderr)
  const [pushed] = (JSON.parse(push.stdout) as MirrorReport).images
  assert.deepEqual([pushed?.digest, pushed?.platforms], [sha256(index), ['linux/amd64', 'linux/arm64']])
  const args = [image, '--from', `docker.io=${from.url}`, '--to', to.url, '--platform', 'linux/arm64', '--output', 'json']
  const mirror = await runCli(['mirror', ...args])
  assert.equal(mirror.status, 0, mirror.stderr)
  const { body } = await plainRequest(`${to.url}/v2/site/tool/manifests/1`, {
    headers: { accept: 'application/vnd.oci.image.index.v1+json' },
  })
  const { manifests } = JSON.parse(body.toString()) as typeof document
  assert.deepEqual(manifests, [document.manifests[1], ...document.manifests.slice(2)])
  for (const place of [from, to]) {
    const verify = await runCli(['verify', image, '--to', place.url, '--platform', 'linux/arm64'])
    assert.equal(verify.status, 0, verify.stdout)
    assert.doesNotMatch(verify.stdout, /unknown/)
  }
})
