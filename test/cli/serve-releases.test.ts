import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { startRegistry } from '../registry-server/start-registry.ts'
import { fileServer, sha256Hex, type Answer } from '../release/file-server.ts'
import { plainRequest } from '../servers/http-request.ts'
import { k3sImages } from '../servers/release-shapes.ts'
import { findProgram } from '../servers/require-server.ts'
import { runCli } from '../servers/run-cli.ts'
import { seedRelease } from '../servers/seed-release.ts'
import { skopeo } from '../servers/skopeo.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { serve, stop } from './serve-cli.ts'

function releaseFiles(tag: string, list: string): Readonly<Record<string, Answer>> {
  const directory = `/${tag.replace('+', '%2B')}`
  return { [`${directory}/k3s-images.txt`]: list, [`${directory}/sha256sum-amd64.txt`]: `${sha256Hex(list)}  k3s-images.txt\n` }
}

/** The line of the text page that names releases. */
async function releasesOf(place: string): Promise<string | undefined> {
  const running = await serve(place)
  try {
    return /^Images of .*$/m.exec((await plainRequest(running.url)).body.toString())?.[0]
  } finally {
    await stop(running)
  }
}

test('a layout and a bundle keep the releases of their images, and the page names them', async () => {
  await using directory = await tempDir()
  await using from = await startRegistry()
  const seeded = await seedRelease(from.url, { images: k3sImages.slice(3, 6) })
  const [first = '', second = '', third = ''] = seeded.list.trim().split('\n')
  await using files = await fileServer({
    ...releaseFiles('v1.36.2+k3s1', `${first}\n${second}\n`),
    ...releaseFiles('v1.37.1+k3s1', `${second}\n${third}\n`),
  })
  const places = ['--from', `docker.io=${from.url}`, '--artifact-url', files.url]
  const run = async (...args: readonly string[]): Promise<void> => {
    const { status, stderr } = await runCli([...args])
    assert.equal(status, 0, stderr)
  }
  const layout = `${directory.path}/layout`
  await run('mirror', '--release', 'v1.36.2+k3s1', '--to', `oci:${layout}`, ...places)
  assert.equal(await releasesOf(layout), 'Images of v1.36.2+k3s1 (2 images)')
  await run('mirror', '--release', 'v1.37.1+k3s1', '--to', `oci:${layout}`, ...places)
  assert.equal(await releasesOf(layout), 'Images of v1.36.2+k3s1 (2 images), v1.37.1+k3s1 (2 images)')
  const index = await readFile(`${layout}/index.json`, 'utf8')
  await run('mirror', '--release', 'v1.37.1+k3s1', '--to', `oci:${layout}`, '--recheck', ...places)
  assert.equal(await readFile(`${layout}/index.json`, 'utf8'), index)
  if (findProgram('skopeo') !== undefined) assert.match(await skopeo('inspect', '--raw', `oci:${layout}:${second}`), /manifests/)

  const bundle = `${directory.path}/k3s.tar`
  await run('bundle', 'create', bundle, '--release', 'v1.36.2+k3s1', '--release', 'v1.37.1+k3s1', ...places)
  assert.equal(await releasesOf(bundle), 'Images of v1.36.2+k3s1 (2 images), v1.37.1+k3s1 (2 images)')
  const pushed = `${directory.path}/pushed`
  await run('bundle', 'push', bundle, '--to', `oci:${pushed}`)
  assert.equal(await releasesOf(pushed), 'Images of v1.36.2+k3s1 (2 images), v1.37.1+k3s1 (2 images)')
})
