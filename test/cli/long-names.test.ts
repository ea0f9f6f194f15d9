import assert from 'node:assert/strict'
import { test } from 'node:test'
import { packTar } from '../bundle/bundle-files.ts'
import { indexJson, ociLayout } from '../bundle/foreign-files.ts'
import { runCli } from '../servers/run-cli.ts'

// Before there was a bound, this many characters took minutes.
const long = `docker.io/${':s'.repeat(200_000)}`

test('refuses a line of an image list that is longer than any reference', async () => {
  const { status, stderr } = await runCli(['images', '--images', '-'], { stdin: long })
  assert.equal(status, 2, stderr)
  assert.match(stderr, /it is longer than 1024 characters/)
  assert.ok(stderr.length < 1000, stderr.slice(0, 1000))
})

test('skips an entry of an archive whose name is longer than any reference', async () => {
  const { files, manifests } = ociLayout({ layers: [Buffer.alloc(1024)] })
  const index = indexJson(manifests[0]?.bytes ?? Buffer.alloc(0), { 'org.opencontainers.image.ref.name': long })
  await using packed = await packTar({ ...files, 'index.json': index })
  const { status, stdout } = await runCli(['bundle', 'info', packed.path])
  assert.equal(status, 0)
  assert.match(stdout, /skipped sha256:[0-9a-f]{64}: .* it is longer than 1024 characters/)
})

test('matches a glob of many stars in linear time, and refuses an excluding group with a hint', async () => {
  const list = `docker.io/library/${'a'.repeat(200)}:b`
  const many = await runCli(['images', '--images', '-', '--include', '*a'.repeat(30)], { stdin: list })
  assert.equal(many.status, 2)
  assert.match(many.stderr, /no images are left/)
  const excluding = await runCli(['images', '--images', '-', '--include', 'docker.io/!(a)'], { stdin: list })
  assert.equal(excluding.status, 2)
  assert.match(excluding.stderr, /--include "docker\.io\/!\(a\)" is not a glob: "!\(…\)" is not supported \(USAGE\)\nhint: .*--exclude/)
})
