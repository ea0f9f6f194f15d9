import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { test } from 'node:test'
import { startRegistry } from '../registry-server/start-registry.ts'
import { startDockerRegistry } from '../servers/docker-registry.ts'
import { requireServer } from '../servers/require-server.ts'
import { runCli } from '../servers/run-cli.ts'
import { seedRelease } from '../servers/seed-release.ts'
import { smallDisk } from '../servers/small-disk.ts'

/** A registry with one image of several platforms, each with a layer of 6 MB. */
async function largeImage() {
  const from = await startRegistry()
  const shape = { repository: 'acme/large', tag: '1', kind: 'oci', layers: [{ megabytes: 6 }] } as const
  await seedRelease(from.url, { images: [shape], scale: 1 })
  return { args: ['docker.io/acme/large:1', '--from', `docker.io=${from.url}`], [Symbol.asyncDispose]: () => from[Symbol.asyncDispose]() }
}

test('an image that does not fit on the local disk is refused before its first byte, with both numbers', async (t) => {
  await using disk = await smallDisk(t, '4m')
  if (disk === undefined) return
  await using from = await largeImage()
  const refused = /not enough disk space: \d+ MB needed, \S+ has \d MB free \(NO_SPACE\)$/m
  const mirrored = await runCli(['mirror', ...from.args, '--to', `oci:${disk.path}/layout`])
  assert.equal(mirrored.status, 1)
  assert.match(mirrored.stderr, refused)
  assert.doesNotMatch(mirrored.stderr, /tried again/)
  assert.deepEqual(await readdir(`${disk.path}/layout/blobs/sha256`).catch(() => []), [])
  const bundled = await runCli(['bundle', 'create', `${disk.path}/x.tar`, ...from.args])
  assert.equal(bundled.status, 6)
  assert.match(bundled.stderr, refused)
})

test('a registry whose disk is full is reported as such, and nothing is tried again', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using disk = await smallDisk(t, '4m')
  if (disk === undefined) return
  await using from = await largeImage()
  await using to = await startDockerRegistry({ rootDirectory: disk.path })
  const fill = await runCli(['mirror', ...from.args, '--to', to.url, '--verbose'])
  await disk.fill()
  const open = await runCli(['mirror', ...from.args, '--to', `${to.url}/other`, '--verbose'])
  for (const { status, stderr } of [fill, open]) {
    assert.equal(status, 1)
    assert.match(stderr, /^FAILED .*: the registry's disk is full: \S+ answered 500/m)
    assert.match(stderr, /hint: free space at \S+ or run its garbage collection, then run the same command again$/m)
    assert.doesNotMatch(stderr, /retry|second round/)
  }
})
