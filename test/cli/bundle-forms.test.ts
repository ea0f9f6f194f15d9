import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { copyFile, readFile, readdir, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { promisify } from 'node:util'
import zlib from 'node:zlib'
import type { ArchiveInfo } from '../../src/bundle/describe-archive.ts'
import { tarHeader } from '../../src/bundle/tar-map.ts'
import type { MirrorReport } from '../../src/report/report.ts'
import { flipBit } from '../bundle/bundle-files.ts'
import { startRegistry } from '../registry-server/start-registry.ts'
import { compareRelease } from '../servers/compare-release.ts'
import { startDockerRegistry } from '../servers/docker-registry.ts'
import { requireServer } from '../servers/require-server.ts'
import { runCli } from '../servers/run-cli.ts'
import { seedRelease, type SeededRelease } from '../servers/seed-release.ts'
import { skopeo } from '../servers/skopeo.ts'
import { tempDir } from '../servers/temp-dir.ts'

const report = (stdout: string): MirrorReport => JSON.parse(stdout) as MirrorReport

async function create(file: string, source: string, { list }: SeededRelease, ...words: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await runCli(['bundle', 'create', file, '--images', '-', '--from', `docker.io=${source}`, ...words], {
    stdin: list,
  })
  assert.equal(status, 0, stderr)
  return stdout
}

/** A bundle that is to be damaged, with its release and its bytes. */
async function createWhole(file: string, source: string) {
  const release = await seedRelease(source)
  await create(file, source, release)
  return { file, release, whole: await readFile(file) }
}

/** Bytes compressed by another tool, as one frame or member. */
function compressed(ending: string, input: Buffer): Buffer {
  const [tool, ...words] = ending === 'tar.gz' ? ['gzip'] : ['zstd', '--quiet']
  return execFileSync(tool, [...words, '--stdout'], { input, maxBuffer: 1024 ** 3 })
}

for (const ending of ['tar.zst', 'tar.gz']) {
  test(`pushes a .${ending} that has reproducible bytes and that other tools decompress`, async (t) => {
    if (!requireServer(t, 'docker-registry') || !requireServer(t, 'skopeo')) return
    await using directory = await tempDir()
    const [file, again, plain] = [`${directory.path}/k3s.${ending}`, `${directory.path}/again.${ending}`, `${directory.path}/k3s.tar`]
    const from = await startRegistry()
    const release = await seedRelease(from.url)
    for (const name of [file, again, plain]) await create(name, from.url, release)
    assert.ok((await readFile(file)).equals(await readFile(again)))
    await from[Symbol.asyncDispose]()

    await using to = await startDockerRegistry()
    const pushed = await runCli(['bundle', 'push', file, '--to', `${to.url}/site`])
    assert.equal(pushed.status, 0, pushed.stderr)
    await compareRelease(to.url, 'site/', release)
    assert.equal((await runCli(['bundle', 'check', file])).status, 0)
    if (ending === 'tar.gz') assert.ok(zlib.gunzipSync(await readFile(file)).equals(await readFile(plain)))
    const [first] = release.images
    await skopeo('inspect', '--raw', `oci-archive:${file}:${first?.reference}`)
  })

  test(`reports a truncated or damaged .${ending} and publishes no tag`, async () => {
    await using directory = await tempDir()
    await using from = await startRegistry()
    const { file, release, whole } = await createWhole(`${directory.path}/k3s.${ending}`, from.url)
    for (const damage of [() => truncate(file, whole.length >> 1), () => flipBit(file, whole.length >> 1)]) {
      await writeFile(file, whole)
      await damage()
      const checked = await runCli(['bundle', 'check', file])
      assert.equal(checked.status, 4, checked.stdout)
      assert.match(checked.stdout, /cannot be decompressed|does not match its digest/)
      await using to = await startRegistry()
      const pushed = await runCli(['bundle', 'push', file, '--to', to.url, '--retries', '0'])
      assert.equal(pushed.status, 3, pushed.stdout)
      const { stdout } = await runCli(['verify', '--images', '-', '--to', to.url, '--output', 'json'], { stdin: release.list })
      const { images } = JSON.parse(stdout) as { readonly images: readonly { readonly status: string }[] }
      // images that were complete before the damage may be present, but no image is incomplete
      assert.deepEqual(
        [...new Set(images.map(({ status }) => status))].filter((status) => !['ok', 'missing'].includes(status)),
        [],
      )
      assert.ok(images.some(({ status }) => status === 'missing'))
    }
  })
}

for (const ending of ['tar.zst', 'tar.gz']) {
  test(`every command reports a .${ending} with damage after the last image, and push keeps all images`, async (t) => {
    if (ending === 'tar.zst' && !requireServer(t, 'zstd')) return
    await using directory = await tempDir()
    await using from = await startRegistry()
    const { file, release, whole } = await createWhole(`${directory.path}/k3s.${ending}`, from.url)
    // gzip ends with a checksum; an incomplete block of zstd yields no data at all
    const cut = ending === 'tar.gz' ? [whole.subarray(0, -3)] : []
    for (const bytes of [...cut, Buffer.concat([whole, compressed(ending, Buffer.from('more'))])]) {
      await writeFile(file, bytes)
      const words = /cannot be decompressed|the archive has trailing data/
      const checked = await runCli(['bundle', 'check', file])
      assert.deepEqual([checked.status, words.test(checked.stdout)], [4, true], checked.stdout)
      const result = await runCli(['bundle', 'info', file])
      assert.deepEqual([result.status, words.test(result.stderr)], [3, true], result.stderr)
      await using to = await startRegistry()
      const pushed = await runCli(['bundle', 'push', file, '--to', to.url])
      assert.deepEqual([pushed.status, words.test(pushed.stderr)], [0, true], pushed.stderr)
      await compareRelease(to.url, '', release)
    }
  })
}

test('does not decompress data after the end of an archive', async (t) => {
  if (!requireServer(t, 'zstd')) return
  await using directory = await tempDir()
  await using from = await startRegistry()
  const plain = `${directory.path}/k3s.tar`
  await create(plain, from.url, await seedRelease(from.url))
  // 1.6 MB that decompress to 48 GiB
  const zeros = compressed('tar.zst', Buffer.alloc(256 * 1024 ** 2))
  const file = await directory.write(
    'bomb.tar.zst',
    Buffer.concat([compressed('tar.zst', await readFile(plain)), ...Array<Buffer>(192).fill(zeros)]),
  )
  const result = await runCli(['bundle', 'info', file], { timeout: 20_000 })
  assert.equal(result.status, 3, result.stderr)
  assert.match(result.stderr, /bomb\.tar\.zst: more than 64 MiB of zeros follow its last file/)
})

test('stops decompressing an archive before it fills the disk', async (t) => {
  if (!requireServer(t, 'zstd')) return
  await using directory = await tempDir()
  const header = tarHeader({ path: 'blobs/sha256/x', size: 48 * 1024 ** 3 })
  const zeros = compressed('tar.zst', Buffer.alloc(256 * 1024 ** 2))
  const file = await directory.write('bomb.tar.zst', Buffer.concat([compressed('tar.zst', header), ...Array<Buffer>(192).fill(zeros)]))
  const result = await runCli(['bundle', 'info', file], { timeout: 60_000 })
  assert.equal(result.status, 3, result.stderr)
  assert.match(result.stderr, /bomb\.tar\.zst decompresses to more than 200 times its size/)
})

test('checks parts one by one, and pushes them joined by cat or without joining', async () => {
  await using directory = await tempDir()
  const file = `${directory.path}/k3s.tar`
  await using from = await startRegistry()
  const release = await seedRelease(from.url, { scale: 0.02 })
  const said = await create(file, from.url, release, '--split-size', '3M')
  assert.match(said, /^wrote 4 parts of (.*k3s\.tar), \1\.001 to \1\.004, and \1\.sha256 \([0-9.]+ MB\)$/m)
  const names = (await readdir(directory.path)).toSorted()
  assert.ok(names.length > 3)
  assert.deepEqual(names, [...names.slice(0, -1).map((_, index) => `k3s.tar.00${index + 1}`), 'k3s.tar.sha256'])
  await promisify(execFile)('sha256sum', ['--check', '--strict', 'k3s.tar.sha256'], { cwd: directory.path })
  await promisify(execFile)('sh', ['-c', 'cat k3s.tar.0* > joined.tar'], { cwd: directory.path })
  await rename(`${directory.path}/joined.tar`, file)
  for (const path of names.slice(0, -1)) await rename(`${directory.path}/${path}`, `${directory.path}/kept-${path}`)
  const joined = await runCli(['bundle', 'check', file])
  assert.deepEqual([joined.status, /is intact: read and hashed [0-9]+ blobs/.test(joined.stdout)], [0, true], joined.stdout)
  for (const path of names.slice(0, -1)) await rename(`${directory.path}/kept-${path}`, `${directory.path}/${path}`)
  await rename(file, `${directory.path}/joined.tar`)
  await create(`${directory.path}/one.tar`, from.url, release)
  assert.ok((await readFile(`${directory.path}/joined.tar`)).equals(await readFile(`${directory.path}/one.tar`)))

  for (const path of [file, `${file}.002`, `${file}.sha256`]) assert.equal((await runCli(['bundle', 'check', path])).status, 0)
  await using to = await startRegistry()
  const pushed = await runCli(['bundle', 'push', `${file}.001`, '--to', to.url])
  assert.equal(pushed.status, 0, pushed.stderr)
  await compareRelease(to.url, '', release)

  await rename(`${directory.path}/joined.tar`, file)
  const dated = `${file}.20260102`
  await copyFile(file, dated)
  for (const path of [`${file}.001`, `${file}.sha256`, dated]) {
    const joined = await runCli(['bundle', 'info', path])
    assert.equal(joined.status, 0, `${path} next to the joined file: ${joined.stderr}`)
  }
  assert.match((await runCli(['bundle', 'check', dated])).stdout, /k3s\.tar\.20260102 is intact: read and hashed [0-9]+ blobs/)
  for (const path of [file, dated]) await rm(path)

  await rename(`${file}.001`, `${file}.kept`)
  await rename(`${file}.002`, `${file}.001`)
  await rename(`${file}.kept`, `${file}.002`)
  const swapped = await runCli(['bundle', 'check', file])
  assert.equal(swapped.status, 4)
  assert.match(swapped.stdout, /k3s\.tar\.001 holds what belongs in k3s\.tar\.002/)
  assert.equal((await runCli(['bundle', 'push', file, '--to', to.url])).status, 3)
  await rm(`${file}.002`)
  const missing = await runCli(['bundle', 'check', file])
  assert.match(missing.stdout, /k3s\.tar\.002 is missing/)
  const pushMissing = await runCli(['bundle', 'push', file, '--to', to.url])
  assert.match(pushMissing.stderr, /k3s\.tar\.002 is missing: it is part 2 of [0-9]+ of .*k3s\.tar/)
  const single = await runCli(['bundle', 'check', `${file}.003`])
  assert.deepEqual(
    [single.status, /k3s\.tar\.003 is intact: read and hashed 1 part, [0-9.]+ MB/.test(single.stdout)],
    [0, true],
    single.stdout,
  )
  await flipBit(`${file}.003`, 1000)
  assert.match((await runCli(['bundle', 'check', `${file}.003`])).stdout, /k3s\.tar\.003 does not match the list of parts/)

  await rename(`${file}.sha256`, `${directory.path}/list`)
  for (const path of [file, `${file}.001`]) {
    const listless = await runCli(['bundle', 'info', path])
    assert.match(listless.stderr, /k3s\.tar is split, but the list of its parts is missing: .*k3s\.tar\.sha256/)
  }
  await rename(`${directory.path}/list`, `${file}.sha256`)

  await create(file, from.url, release)
  const left = (await readdir(directory.path)).filter((name) => name.startsWith('k3s.'))
  assert.deepEqual(left, ['k3s.tar'], 'a complete bundle replaces the parts')
})

test('--since omits the contents of an earlier bundle, and push requires that they are present', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using directory = await tempDir()
  const [base, lock, delta] = [`${directory.path}/base.tar.zst`, `${directory.path}/base.lock`, `${directory.path}/delta.tar`]
  await using from = await startRegistry()
  const first = await seedRelease(from.url)
  const said = await create(base, from.url, first, '--lock', lock)
  assert.match(said, /^wrote .*base\.tar\.zst \([0-9.]+ kB\)\nwrote .*base\.lock, for a later --since\n$/m)
  const second = await seedRelease(from.url, { salt: 'v2' })
  await create(delta, from.url, second, '--since', base)
  const byLock = `${directory.path}/by-lock.tar`
  await create(byLock, from.url, second, '--since', lock)
  assert.ok((await readFile(delta)).equals(await readFile(byLock)))

  const digestsOf = ({ images, blobs }: SeededRelease): ReadonlySet<string> =>
    new Set([...blobs.keys(), ...images.flatMap(({ index, manifests }) => [index.digest, ...manifests.map(({ digest }) => digest)])])
  const known = digestsOf(first)
  const news = [...digestsOf(second)].filter((digest) => !known.has(digest))
  const shared = digestsOf(second).size - news.length
  assert.ok(news.length > 0 && shared > 0)
  const { stdout: entries } = await promisify(execFile)('tar', ['--list', '--file', delta])
  const held = entries.split('\n').filter((name) => name.startsWith('blobs/'))
  assert.deepEqual(held.map((name) => name.replace('blobs/', '').replace('/', ':')).toSorted(), news.toSorted())
  const info = JSON.parse((await runCli(['bundle', 'info', delta, '--output', 'json'])).stdout) as ArchiveInfo
  assert.equal(info.base?.blobs, shared)
  assert.equal((await runCli(['bundle', 'check', delta])).status, 0)
  await from[Symbol.asyncDispose]()

  await using to = await startDockerRegistry()
  const incomplete = await runCli(['bundle', 'push', delta, '--to', `${to.url}/site`])
  assert.equal(incomplete.status, 2)
  assert.match(incomplete.stderr, new RegExp(`lacks ${shared} of the ${shared} manifests and blobs .* nothing was pushed`))
  const catalog = await fetch(`${to.url}/v2/_catalog`)
  assert.deepEqual(await catalog.json(), { repositories: [] })
  await runCli(['bundle', 'push', base, '--to', `${to.url}/site`])
  const pushed = await runCli(['bundle', 'push', delta, '--to', `${to.url}/site`, '--output', 'json'])
  assert.equal(pushed.status, 0, pushed.stderr)
  assert.equal(report(pushed.stdout).totals.replaced, second.images.length)
  await compareRelease(to.url, 'site/', second)
  const together = await runCli(['bundle', 'push', base, delta, '--to', `${to.url}/both`])
  assert.match(together.stderr, /two different images/i)
})

test('reports a disk that fills during compression or decompression, and leaves no incomplete file', async (t) => {
  if (process.getuid?.() !== 0) return t.skip('only root can mount a small file system')
  await using directory = await tempDir()
  const file = `${directory.path}/k3s.tar.zst`
  await using from = await startRegistry()
  const release = await seedRelease(from.url, { scale: 0.02 })
  await create(file, from.url, release)
  await using small = await tempDir()
  await promisify(execFile)('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', small.path])
  try {
    const args = ['bundle', 'create', `${small.path}/k3s.tar.zst`, '--images', '-', '--from', `docker.io=${from.url}`]
    const full = await runCli(args, { stdin: release.list })
    assert.equal(full.status, 1)
    assert.match(full.stderr, /cannot write .*k3s\.tar\.zst: no space left on device/)
    assert.deepEqual(await readdir(small.path), ['k3s.tar.zst.part'])
    await using to = await startRegistry()
    const pushed = await runCli(['bundle', 'push', file, '--to', to.url, '--retries', '0'], { env: { TMPDIR: small.path } })
    assert.equal(pushed.status, 1)
    assert.match(pushed.stdout + pushed.stderr, /cannot write decompressed data to .*: no space left on device/)
    assert.match(pushed.stdout + pushed.stderr, /TMPDIR=<directory>/)
    const checked = await runCli(['bundle', 'check', file], { env: { TMPDIR: small.path } })
    assert.equal(checked.status, 6, 'a full disk is not a problem of the bundle')
  } finally {
    await promisify(execFile)('umount', [small.path])
  }
})
