import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startRegistry } from '../registry-server/start-registry.ts'
import { compareRelease } from '../servers/compare-release.ts'
import { plainRequest } from '../servers/http-request.ts'
import { k3sImages } from '../servers/release-shapes.ts'
import { findProgram } from '../servers/require-server.ts'
import { runCli } from '../servers/run-cli.ts'
import { seedRelease } from '../servers/seed-release.ts'
import { skopeo } from '../servers/skopeo.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { serve, stop } from './serve-cli.ts'

test('serves a layout to mirror and skopeo, and exits with 0 on Ctrl-C', async () => {
  await using directory = await tempDir()
  await using from = await startRegistry()
  const release = await seedRelease(from.url, { images: k3sImages.slice(3, 6) })
  const layout = `${directory.path}/new`
  const mirror = (to: string) =>
    runCli(['mirror', '--images', '-', '--from', `docker.io=${from.url}`, '--to', to, '--output', 'json'], { stdin: release.list })

  const writable = await serve(layout, '--writable')
  try {
    const first = await mirror(`${writable.url}/mirror`)
    assert.equal(first.status, 0, first.stderr)
    await compareRelease(writable.url, 'mirror/', release)
    const { totals } = JSON.parse((await mirror(`${writable.url}/mirror`)).stdout) as { totals: { upToDate: number; bytesCopied: number } }
    assert.deepEqual([totals.upToDate, totals.bytesCopied], [3, 0])
    const locked = await runCli(['mirror', 'rancher/x:1', '--to', `oci:${layout}`])
    assert.equal(locked.status, 6)
    assert.match(locked.stderr, /^error: .*\(LAYOUT_LOCKED\)$/m)
  } finally {
    assert.equal((await stop(writable)).status, 0)
  }

  const readOnly = await serve(layout)
  try {
    await compareRelease(readOnly.url, 'mirror/', release)
    const [image] = release.images
    if (findProgram('skopeo') !== undefined) {
      const name = `docker://${readOnly.url.slice(7)}/mirror/${image?.repository}:${image?.tag}`
      assert.equal(await skopeo('inspect', '--raw', name), image?.index.bytes.toString())
    }
    const refused = await mirror(`${readOnly.url}/another`)
    assert.equal(refused.status, 1)
    assert.equal((await plainRequest(`${readOnly.url}/v2/x/blobs/uploads/`, { method: 'POST' })).status, 405)
  } finally {
    assert.equal((await stop(readOnly, 'SIGTERM')).status, 0)
  }
})

test('prints a line for every request with --verbose', async () => {
  await using directory = await tempDir()
  const running = await serve(`${directory.path}/new`, '--writable', '--verbose')
  await plainRequest(`${running.url}/v2/`)
  assert.match((await stop(running)).stderr, /^\S+ GET \/v2\/ 200 /m)
})

test('rejects a directory without a layout and a port in use in one line', async () => {
  await using directory = await tempDir()
  await using other = await startRegistry()
  const none = await runCli(['serve', directory.path])
  assert.equal(none.status, 2)
  assert.match(none.stderr, /^error: .* is not an OCI layout: the directory is empty \(NOT_FOUND\)\nhint: pass --writable .*\n$/)
  const used = await runCli(['serve', `${directory.path}/new`, '--writable', '--listen', other.host])
  assert.equal(used.status, 6)
  assert.match(
    used.stderr,
    /^error: cannot listen on .*: the port is in use \(EADDRINUSE\) \(LOCAL_IO\)\nhint: stop the program that uses the port, or pass --listen 127\.0\.0\.1:\d+\n$/,
  )
})
