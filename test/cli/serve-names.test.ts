import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { startRegistry } from '../registry-server/start-registry.ts'
import { plainRequest } from '../servers/http-request.ts'
import { requireServer } from '../servers/require-server.ts'
import { runCli } from '../servers/run-cli.ts'
import { seedRelease } from '../servers/seed-release.ts'
import { skopeo } from '../servers/skopeo.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { serve, stop } from './serve-cli.ts'

interface Seeded extends AsyncDisposable {
  readonly layout: string
  readonly raw: string
}

/** A layout that skopeo wrote, with two bare tags and an image without any name. */
async function seed(): Promise<Seeded> {
  const directory = await tempDir()
  const layout = `${directory.path}/layout`
  await using from = await startRegistry()
  const release = await seedRelease(from.url)
  const [image] = release.images
  assert.ok(image !== undefined)
  const source = `docker://${from.url.slice(7)}/${image.repository}:${image.tag}`
  for (const tag of ['1', '2']) await skopeo('copy', '--all', source, `oci:${layout}:${tag}`)
  return { layout, raw: image.index.bytes.toString(), [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() }
}

async function stderrOf(layout: string, ...options: readonly string[]): Promise<string> {
  return (await stop(await serve(layout, ...options))).stderr
}

test('serves a skopeo layout with bare tags under --name, and reports the skipped entries without it', async (t) => {
  if (!requireServer(t, 'skopeo')) return
  await using seeded = await seed()
  const { layout, raw } = seeded
  const before = await readFile(`${layout}/index.json`, 'utf8')
  const left = await stderrOf(layout)
  assert.match(left, /^note: 2 entries of index\.json are not served$/m)
  assert.match(left, /^skipped sha256:[0-9a-f]{64}: it is named only by the tag 1$/m)
  assert.match(left, /^hint: pass --name <registry\/repository> to name them/m)
  const serving = await serve(layout, '--name', 'docker.io/rancher/tool')
  try {
    for (const tag of ['1', '2'])
      assert.equal(await skopeo('inspect', '--raw', `docker://${serving.url.slice(7)}/rancher/tool:${tag}`), raw)
  } finally {
    assert.doesNotMatch((await stop(serving)).stderr, /skipped|not served|no images/)
  }
  assert.equal(await readFile(`${layout}/index.json`, 'utf8'), before)
  assert.match(await stderrOf(layout, '--writable'), /^note: 2 entries of index\.json are not served$/m)
  const { manifests } = JSON.parse(await readFile(`${layout}/index.json`, 'utf8')) as { readonly manifests: readonly unknown[] }
  assert.deepEqual(manifests, (JSON.parse(before) as { readonly manifests: readonly unknown[] }).manifests)
})

test('serves a single image without a name under --name with a tag', async (t) => {
  if (!requireServer(t, 'skopeo')) return
  await using seeded = await seed()
  const { layout } = seeded
  await skopeo('copy', '--all', `oci:${layout}:1`, `oci:${layout}-nameless`)
  assert.match(await stderrOf(`${layout}-nameless`), /^note: 1 entry of index\.json is not served\nskipped sha256:.*: it has no name$/m)
  const serving = await serve(`${layout}-nameless`, '--name', 'docker.io/rancher/tool:9')
  try {
    const { body } = await plainRequest(`${serving.url}/v2/rancher/tool/tags/list`)
    assert.match(body.toString(), /"9"/)
  } finally {
    await stop(serving)
  }
})

test('rejects --name where it has no effect', async () => {
  await using directory = await tempDir()
  const writable = await runCli(['serve', directory.path, '--writable', '--name', 'docker.io/x/y'])
  assert.equal(writable.status, 2)
  assert.match(writable.stderr, /--name cannot be used with --writable/)
  const bundle = await runCli(['serve', await directory.write('x.tar', 'x'), '--name', 'docker.io/x/y'])
  assert.equal(bundle.status, 2)
})
