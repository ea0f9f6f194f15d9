import assert from 'node:assert/strict'
import { readdir, readFile, stat } from 'node:fs/promises'
import { test } from 'node:test'
import { startRegistry } from '../registry-server/start-registry.ts'
import { compareRelease } from '../servers/compare-release.ts'
import { startDockerRegistry } from '../servers/docker-registry.ts'
import { k3sImages } from '../servers/release-shapes.ts'
import { requireServer } from '../servers/require-server.ts'
import { runCli } from '../servers/run-cli.ts'
import { makeRelease, pushRelease, seedRelease, type SeededRelease } from '../servers/seed-release.ts'
import { skopeo } from '../servers/skopeo.ts'
import { tempDir, type TempDir } from '../servers/temp-dir.ts'
import { serve, stop } from './serve-cli.ts'

interface Site extends AsyncDisposable {
  readonly directory: TempDir
  readonly release: SeededRelease
  readonly references: readonly string[]
  /** Every file of the layout, with its size and time. */
  files(): Promise<readonly string[]>
}

/** A directory with the layout `site` of a small release, its list `k3s-images.txt`, its bundle `k3s.tar.zst` and the lock `k3s.lock`; where it came from is gone. */
async function site(): Promise<Site> {
  const directory = await tempDir()
  await using from = await startRegistry()
  const release = await seedRelease(from.url, { images: k3sImages.slice(1, 4) })
  await directory.write('k3s-images.txt', release.list)
  const source = ['--from', `docker.io=${from.url}`, '--quiet']
  for (const args of [
    ['bundle', 'create', 'k3s.tar.zst', '--images', 'k3s-images.txt', '--lock', 'k3s.lock'],
    ['mirror', '--images', 'k3s-images.txt', '--to', 'oci:site'],
  ]) {
    const { status, stderr } = await runCli([...args, ...source], { cwd: directory.path })
    assert.equal(status, 0, stderr)
  }
  return {
    directory,
    release,
    references: release.images.map(({ reference }) => reference).toSorted(),
    async files() {
      const names = await readdir(`${directory.path}/site`, { recursive: true })
      return Promise.all(
        names.toSorted().map(async (name) => {
          const { size, mtimeMs } = await stat(`${directory.path}/site/${name}`)
          return `${name} ${size} ${mtimeMs}`
        }),
      )
    },
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  }
}

test('without a network, a bundle, a lock file and a layout name the images for every command', async () => {
  await using at = await site()
  const run = (...args: readonly string[]): ReturnType<typeof runCli> => runCli(args, { cwd: at.directory.path })
  const generated = new Set<string>()
  for (const source of ['k3s-images.txt', 'k3s.tar.zst', 'k3s.lock', 'oci:site']) {
    const listed = await run('images', '--images', source)
    // A lock file adds the digests.
    const names = listed.stdout.trim().replaceAll(/(?<=:\S+)@sha256:\w+$/gm, '')
    assert.deepEqual(names.split('\n').toSorted(), at.references, listed.stderr)
    assert.equal(listed.stdout.includes('@sha256:'), source === 'k3s.lock')
    const { stdout, stderr } = await run('registries', 'generate', '--images', source, '--to', 'registry.example.com/team')
    generated.add(stdout.replaceAll(source, 'SOURCE'))
    assert.match(stdout, /SOURCE|rancher/, stderr)
  }
  assert.equal(generated.size, 1, [...generated].join('\n'))
})

test('a whole layout is copied to a registry while serve reads it, digest for digest, and nothing in it changes', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using at = await site()
  const before = await at.files()
  const serving = await serve(`${at.directory.path}/site`)
  try {
    await using to = await startDockerRegistry()
    const run = (command: string, ...more: readonly string[]): ReturnType<typeof runCli> =>
      runCli([command, '--images', 'oci:site', '--from', '*=oci:site', '--to', `${to.url}/m`, ...more], { cwd: at.directory.path })
    const planned = await run('plan', '--output', 'json')
    assert.equal(planned.status, 0, planned.stderr)
    const mirrored = await run('mirror', '--output', 'json')
    assert.equal(mirrored.status, 0, mirrored.stderr)
    const { totals } = JSON.parse(mirrored.stdout) as { totals: { copied: number; requests: { source: number } } }
    assert.deepEqual([totals.copied, totals.requests.source], [at.references.length, 0])
    await compareRelease(to.url, 'm/', at.release)
    assert.equal((await run('verify')).status, 0)
  } finally {
    await stop(serving)
  }
  assert.deepEqual(await at.files(), before)
})

test('verify reports a tag that has another digest than the layout', async () => {
  await using at = await site()
  await using to = await startRegistry()
  const moved = makeRelease({ images: k3sImages.slice(1, 4), scale: 0.5 })
  await pushRelease(to.url, moved)
  const { status, stdout } = await runCli(['verify', '--images', 'oci:site', '--from', '*=oci:site', '--to', to.url], {
    cwd: at.directory.path,
  })
  assert.equal(status, 4)
  assert.match(stdout, /the tag has moved: .*, oci:site sha256:/)
})

test('a bundle is created from a layout, and one registry from a layout next to others from their endpoints', async () => {
  await using at = await site()
  const [first, second] = at.references
  const created = await runCli(['bundle', 'create', 'copy.tar', '--images', 'oci:site', '--from', '*=oci:site'], { cwd: at.directory.path })
  assert.equal(created.status, 0, created.stderr)
  await using registry = await startRegistry()
  await pushRelease(registry.url, at.release)
  await using to = await startRegistry()
  const mixed = ['--from', '*=oci:site', '--from', `docker.io=${registry.url}`]
  const { status, stdout } = await runCli(['mirror', first ?? '', second ?? '', ...mixed, '--to', to.url, '--output', 'json'], {
    cwd: at.directory.path,
  })
  assert.equal(status, 0, stdout)
  assert.ok((JSON.parse(stdout) as { totals: { requests: { source: number } } }).totals.requests.source > 0)
})

test('an image that the layout lacks is reported with near names, and the layout as its place', async () => {
  await using at = await site()
  const [known = ''] = at.references
  const repository = known.replace(/:[^:]*$/, '')
  const from = ['--from', '*=oci:site', '--to', 'oci:out', '--output', 'json']
  for (const [name, hint] of [
    [`${repository}:nothing`, `Did you mean ${known}?`],
    [known.replace('rancher/', 'ranche/'), `Did you mean ${known}`],
  ] as const) {
    const { status, stdout } = await runCli(['mirror', name, ...from], { cwd: at.directory.path })
    assert.equal(status, 1)
    const [image] = (JSON.parse(stdout) as { images: readonly { error?: { code: string; message: string; hint: string } }[] }).images
    assert.deepEqual([image?.error?.code, image?.error?.message], ['NOT_FOUND', `${name} not found in the layout site`])
    assert.ok(image?.error?.hint.startsWith(hint), image?.error?.hint)
  }
})

test('a layout that skopeo wrote is a source by its full names', async (t) => {
  if (!requireServer(t, 'skopeo')) return
  await using from = await startRegistry()
  await using directory = await tempDir()
  const release = await seedRelease(from.url, { images: k3sImages.slice(1, 2) })
  const [image] = release.images
  assert.ok(image)
  await skopeo('copy', '--all', `docker://${from.host}/${image.repository}:${image.tag}`, `oci:${directory.path}/site:${image.reference}`)
  await using to = await startRegistry()
  const { status, stderr } = await runCli(['mirror', '--images', 'oci:site', '--from', '*=oci:site', '--to', to.url], {
    cwd: directory.path,
  })
  assert.equal(status, 0, stderr)
  await compareRelease(to.url, '', release)
})

test('a source that cannot be read as a layout is an error with what to type instead, before anything moves', async () => {
  await using at = await site()
  const { path } = at.directory
  for (const [args, error, hint] of [
    [
      ['--from', '*=k3s.tar.zst'],
      '"k3s.tar.zst" is an archive: --from accepts registries and OCI layouts (USAGE)',
      'run k3s-mirror bundle push k3s.tar.zst --to <destination>',
    ],
    [
      ['--from', '*=oci:k3s.tar.zst'],
      '"oci:k3s.tar.zst" is an archive: --from accepts registries and OCI layouts (USAGE)',
      'run k3s-mirror bundle push k3s.tar.zst --to <destination>',
    ],
    [
      ['--from', '*=oci:k3s.lock'],
      '"k3s.lock" is not a directory: an OCI layout is a directory (USAGE)',
      'to copy the images of a bundle, run k3s-mirror bundle push k3s.lock --to <destination>',
    ],
    [['--from', '*=oci:'], 'invalid --from "oci:": the directory is missing (USAGE)', 'pass oci:<directory>'],
    [['--from', '*=oci:nothing'], '"nothing" does not exist (NOT_FOUND)', 'check the name and the directory'],
    [
      ['--from', '*=oci:site', '--via', 'docker'],
      '--from oci:site is unsupported with --via docker: an Engine pulls only from registries (USAGE)',
      undefined,
    ],
    [['--images', 'site'], '"site" is an OCI layout, not an image list (USAGE)', 'pass --images oci:site'],
    [
      ['--images', 'k3s.tar.zst', '--list-sha256', '0'.repeat(64)],
      '--list-sha256 is only for text lists: "k3s.tar.zst" is not a text list (USAGE)',
      'remove --list-sha256',
    ],
  ] as const) {
    const images = args[0] === '--images' ? [] : ['--images', 'k3s.lock']
    const { status, stderr } = await runCli(['mirror', ...images, ...args, '--to', 'http://127.0.0.1:1'], { cwd: path })
    const [first, second] = stderr.split('\n')
    assert.equal(first, `error: ${error}`)
    if (hint !== undefined) assert.equal(second, `hint: ${hint}`)
    assert.equal(status, 2)
  }
  assert.ok((await readFile(`${path}/k3s.lock`, 'utf8')).includes('\nimages:\n'))
})
