import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, readFile, readdir, stat, symlink, truncate } from 'node:fs/promises'
import { test } from 'node:test'
import { promisify } from 'node:util'
import type { ArchiveInfo } from '../../src/bundle/describe-archive.ts'
import type { MirrorReport } from '../../src/report/report.ts'
import { bundleFiles, flipBit, packTar, placeOf } from '../bundle/bundle-files.ts'
import { tinyImage } from '../layout/tiny-image.ts'
import { startRegistry } from '../registry-server/start-registry.ts'
import { compareRelease } from '../servers/compare-release.ts'
import { startContainerd } from '../servers/containerd.ts'
import { startDockerRegistry } from '../servers/docker-registry.ts'
import { faultProxy } from '../servers/fault-proxy.ts'
import { plainRequest } from '../servers/http-request.ts'
import { requireServer } from '../servers/require-server.ts'
import { runCli, startCli, type CliResult } from '../servers/run-cli.ts'
import { makeRelease, pushRelease, seedRelease } from '../servers/seed-release.ts'
import { skopeo } from '../servers/skopeo.ts'
import { tempDir, type TempDir } from '../servers/temp-dir.ts'
import { until } from '../servers/until.ts'

const report = (stdout: string): MirrorReport => JSON.parse(stdout) as MirrorReport

test('carries a release in one file to an empty registry with the same digests and without the source', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using directory = await tempDir()
  const file = `${directory.path}/k3s.tar`
  const from = await startRegistry()
  const release = await seedRelease(from.url)
  const create = ['bundle', 'create', file, '--images', '-', '--from', `docker.io=${from.url}`, '--output', 'json']
  const created = await runCli(create, { stdin: release.list })
  assert.equal(created.status, 0, created.stderr)
  assert.deepEqual([report(created.stdout).command, report(created.stdout).totals.copied], ['bundle create', release.images.length])
  assert.deepEqual(await readdir(directory.path), ['k3s.tar'])
  const { size } = await stat(file)
  const manifests = release.images.flatMap(({ index, manifests: own }) => [index, ...own]).reduce((sum, one) => sum + one.size, 0)
  assert.ok(size < release.bytes + manifests + 250 * 1024, `each blob is in it once: ${size} bytes`)

  const again = `${directory.path}/again.tar`
  await runCli(['bundle', 'create', again, ...create.slice(3)], { stdin: release.list })
  assert.ok((await readFile(file)).equals(await readFile(again)), 'the same selection gives the same bytes')
  await from[Symbol.asyncDispose]()

  await using to = await startDockerRegistry()
  const pushed = await runCli(['bundle', 'push', file, '--to', `${to.url}/site`, '--output', 'json'])
  assert.equal(pushed.status, 0, pushed.stderr)
  assert.equal(report(pushed.stdout).command, 'bundle push')
  await compareRelease(to.url, 'site/', release)
  const present = await runCli(['bundle', 'push', file, '--to', `${to.url}/site`])
  assert.match(present.stdout, new RegExp(`^all ${release.images.length} images are up to date$`, 'm'))
})

test('skopeo reads a bundle as an oci-archive, and containerd imports it', async (t) => {
  if (!requireServer(t, 'skopeo') || !requireServer(t, 'containerd')) return
  await using directory = await tempDir()
  await using from = await startRegistry()
  const release = await seedRelease(from.url)
  const file = `${directory.path}/k3s.tar`
  const { status, stderr } = await runCli(['bundle', 'create', file, '--images', '-', '--from', `docker.io=${from.url}`], {
    stdin: release.list,
  })
  assert.equal(status, 0, stderr)
  for (const { reference, index } of release.images) {
    await skopeo('copy', '--all', `oci-archive:${file}:${reference}`, `dir:${directory.path}/copied`)
    const copied = await readFile(`${directory.path}/copied/manifest.json`)
    // skopeo rewrites a Docker list that index.json names by the OCI type, which is the only one that it looks for there
    if (index.mediaType.startsWith('application/vnd.oci')) assert.ok(copied.equals(index.bytes), reference)
  }
  await using containerd = await startContainerd()
  const ctr = async (...words: readonly string[]): Promise<string> =>
    (await promisify(execFile)('ctr', ['--address', containerd.socket, '--namespace', 'bundle', 'images', ...words])).stdout
  await ctr('import', '--all-platforms', '--no-unpack', file)
  const listed = await ctr('list', '--quiet')
  for (const { reference } of release.images) assert.ok(listed.split('\n').includes(reference), `${reference} of\n${listed}`)
})

test('bundle info lists the contents, and bundle check names the damaged files', async () => {
  await using directory = await tempDir()
  await using from = await startRegistry()
  const release = await seedRelease(from.url)
  const file = `${directory.path}/k3s.tar`
  await runCli(['bundle', 'create', file, '--images', '-', '--from', `docker.io=${from.url}`], { stdin: release.list })
  const info = JSON.parse((await runCli(['bundle', 'info', file, '--output', 'json'])).stdout) as ArchiveInfo
  assert.deepEqual(
    info.images.map(({ reference, digest }) => [reference, digest]),
    release.images.map(({ reference, index }) => [reference, index.digest]),
  )
  assert.match((await runCli(['bundle', 'info', file])).stdout, /IMAGE +SIZE +DIGEST +PLATFORMS/)
  assert.equal((await runCli(['bundle', 'check', file])).status, 0)

  const [first] = release.images
  const layer = first?.manifests[0]?.layers[0]
  assert.ok(first !== undefined && layer?.content !== undefined)
  await flipBit(file, await placeOf(file, layer.content()))
  const damaged = await runCli(['bundle', 'check', file])
  assert.equal(damaged.status, 4)
  assert.match(damaged.stdout, new RegExp(`problem: blobs/sha256/${layer.digest.slice(7)} does not match its digest.*${first.repository}`))
  await using to = await startRegistry()
  const refused = await runCli(['bundle', 'push', file, '--to', to.url, '--retries', '0'])
  assert.equal(refused.status, 3)

  await truncate(file, (await stat(file)).size - 5000)
  const cut = await runCli(['bundle', 'check', file])
  assert.equal(cut.status, 4)
  assert.match(cut.stdout, /the archive is truncated/)
})

/** A release that takes long enough to be interrupted, and what puts it into a bundle from any source. */
async function toBeKilled(url: string, directory: TempDir) {
  const release = makeRelease({ scale: 0.05 })
  await pushRelease(url, release)
  const file = `${directory.path}/k3s.tar`
  const args = (source: string): string[] => ['bundle', 'create', file, '--images', '-', '--from', `docker.io=${source}`]
  return { release, file, args }
}

test('bundle create resumes after a kill at a random moment, and leaves no file that looks complete', async () => {
  await using directory = await tempDir()
  await using from = await startRegistry()
  const { release, file, args } = await toBeKilled(from.url, directory)
  /** Lines of the journal: what it belongs to, then the blobs that are whole. */
  const noted = (): number => (existsSync(`${file}.part/done`) ? readFileSync(`${file}.part/done`, 'utf8').split('\n').length : 0)
  for (const more of [5, 20, 40]) {
    const before = noted()
    let blobs = 0
    // the last ones never come, so that there is something to kill
    await using source = await faultProxy(from.url, ({ kind }) => (kind === 'blob-get' && ++blobs > more ? { fault: 'stall' } : undefined))
    const running = await startCli(args(source.url), { stdin: release.list })
    await until(() => noted() >= Math.max(before, 2) + more - 1)
    running.child.kill('SIGKILL')
    await running.finished
    assert.deepEqual(await readdir(directory.path), ['k3s.tar.part'])
  }
  await using counted = await faultProxy(from.url)
  const done = await runCli(args(counted.url), { stdin: release.list })
  assert.equal(done.status, 0, done.stderr)
  // each kill may lose a blob or two that the journal does not list yet
  assert.ok(counted.counters.kinds['blob-get'] <= release.blobs.size - 60, 'complete blobs are not fetched again')
  assert.equal((await runCli(['bundle', 'check', file])).status, 0)
  assert.deepEqual(await readdir(directory.path), ['k3s.tar'])
})

test('rechecks the blobs of a killed run, and fetches those again that changed on disk', async () => {
  await using directory = await tempDir()
  await using from = await startRegistry()
  const { release, file, args } = await toBeKilled(from.url, directory)
  let blobs = 0
  await using source = await faultProxy(from.url, ({ kind }) => (kind === 'blob-get' && ++blobs > 40 ? { fault: 'stall' } : undefined))
  const running = await startCli(args(source.url), { stdin: release.list })
  const journal = (): readonly string[] =>
    existsSync(`${file}.part/done`) ? readFileSync(`${file}.part/done`, 'utf8').split('\n').slice(1, -1) : []
  await until(() => journal().length > 30)
  running.child.kill('SIGKILL')
  await running.finished
  const wanted = new Set(journal())
  const layer = release.images
    .flatMap(({ manifests }) => manifests.flatMap(({ layers }) => layers))
    .find(({ digest }) => wanted.has(`blobs/${digest.replace(':', '/')}`))
  assert.ok(layer?.content !== undefined)
  await flipBit(`${file}.part/archive`, await placeOf(`${file}.part/archive`, layer.content()))
  assert.equal((await runCli(args(from.url), { stdin: release.list })).status, 0)
  const checked = await runCli(['bundle', 'check', file])
  assert.equal(checked.status, 0, checked.stdout)
})

test('does not replace a directory or a pipe, keeps foreign files, and writes to the target of a link', async () => {
  await using directory = await tempDir()
  await using from = await startRegistry()
  const release = await seedRelease(from.url)
  const at = (name: string): string => `${directory.path}/${name}`
  const create = (name: string): Promise<CliResult> =>
    runCli(['bundle', 'create', at(name), '--images', '-', '--from', `docker.io=${from.url}`], { stdin: release.list })
  await mkdir(at('directory.tar'))
  await promisify(execFile)('mkfifo', [at('pipe.tar')])
  await mkdir(at('taken.tar.part'))
  await directory.write('taken.tar.part/mine', 'mine')
  await symlink('plain.tar', at('link.tar.zst'))
  for (const [name, words] of [
    ['directory.tar', /directory\.tar" exists and is not a regular file/],
    ['pipe.tar', /pipe\.tar" exists and is not a regular file/],
    ['taken.tar', /cannot use ".*taken\.tar\.part" for the unfinished bundle: it has other contents/],
    ['missing/k3s.tar', /cannot write the bundle: the directory ".*missing" does not exist/],
    ['link.tar.zst', /link\.tar\.zst" is a link to ".*plain\.tar": both must have the same extension/],
  ] as const) {
    const { status, stderr } = await create(name)
    assert.deepEqual([status, words.test(stderr)], [2, true], stderr)
  }
  assert.equal(await readFile(at('taken.tar.part/mine'), 'utf8'), 'mine')
  await mkdir(at('usb'))
  await symlink('usb/k3s.tar', at('link.tar'))
  for (let round = 0; round < 2; round++) assert.equal((await create('link.tar')).status, 0)
  assert.deepEqual(await readdir(at('usb')), ['k3s.tar'])
  assert.equal((await runCli(['bundle', 'check', at('link.tar')])).status, 0)
})

test('does not mistake a user’s checksum file next to a bundle for its list of parts', async () => {
  await using directory = await tempDir()
  await using from = await startRegistry()
  const release = await seedRelease(from.url)
  const [file, report] = [`${directory.path}/k3s.tar`, `${directory.path}/report.json`]
  const create = (...words: readonly string[]): Promise<CliResult> =>
    runCli(['bundle', 'create', file, '--images', '-', '--from', `docker.io=${from.url}`, ...words], { stdin: release.list })
  await create()
  await promisify(execFile)('sh', ['-c', 'sha256sum k3s.tar > k3s.tar.sha256'], { cwd: directory.path })
  const { status, stdout, stderr } = await create('--report', report)
  assert.equal(status, 0, stderr)
  assert.match(stdout, /^wrote .*k3s\.tar \([0-9.]+ kB\)$/m)
  assert.ok(existsSync(report) && existsSync(`${file}.sha256`))
  assert.equal((await runCli(['bundle', 'check', file])).status, 0)
})

test('rejects a bundle that lacks a blob before any transfer', async () => {
  await using file = await packTar(lacking(bundleFiles({ 'docker.io/a/b:1': tinyImage(), 'docker.io/a/c:1': tinyImage() })))
  await using to = await startRegistry()
  const pushed = await runCli(['bundle', 'push', file.path, '--to', to.url])
  assert.equal(pushed.status, 3, pushed.stdout)
  assert.match(pushed.stderr, /packed\.tar does not contain sha256:[0-9a-f]{64}, which docker\.io\/a\/c:1 needs/)
  assert.match((await plainRequest(`${to.url}/v2/_catalog`)).body.toString(), /"repositories":\[\]/)
  assert.equal((await runCli(['bundle', 'check', file.path])).status, 4)
})

/** Files of a bundle without the last. */
function lacking(files: Readonly<Record<string, string | Uint8Array>>): Record<string, string | Uint8Array> {
  return Object.fromEntries(Object.entries(files).slice(0, -1))
}

test('writes no bundle when an image is missing, and the next run completes it', async () => {
  await using directory = await tempDir()
  await using from = await startRegistry()
  const release = await seedRelease(from.url)
  const file = `${directory.path}/k3s.tar`
  const args = ['bundle', 'create', file, '--images', '-', '--from', `docker.io=${from.url}`]
  const failed = await runCli(args, { stdin: `${release.list}docker.io/rancher/missing:1\n` })
  assert.equal(failed.status, 1)
  assert.match(failed.stderr, /rancher\/missing:1/)
  assert.match(failed.stdout, /no bundle was written/)
  assert.deepEqual(await readdir(directory.path), [])
  assert.equal((await runCli(args, { stdin: release.list })).status, 0)
})

test('refuses a bundle that does not fit on the disk before its first byte', async (t) => {
  if (process.getuid?.() !== 0) return t.skip('only root can mount a small file system')
  await using directory = await tempDir()
  await using from = await startRegistry()
  const release = makeRelease({ scale: 0.05 })
  await pushRelease(from.url, release)
  await promisify(execFile)('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', directory.path])
  try {
    const args = ['bundle', 'create', `${directory.path}/k3s.tar`, '--images', '-', '--from', `docker.io=${from.url}`, '--retries', '0']
    const { status, stderr } = await runCli(args, { stdin: release.list })
    assert.equal(status, 6)
    assert.match(stderr, /^error: not enough disk space: \d+ MB needed, \S+ has \d+ MB free \(NO_SPACE\)$/m)
    assert.deepEqual(
      (await readdir(directory.path)).filter((name) => name === 'k3s.tar'),
      [],
    )
  } finally {
    await promisify(execFile)('umount', [directory.path])
  }
})

test('rejects files that are not bundles by name', async () => {
  await using directory = await tempDir()
  const text = await directory.write('text.tar', 'hello\n'.repeat(400))
  for (const [file, words, code] of [
    [text, /" is not an archive: it is a text file/, 2],
    [`${directory.path}/none.tar`, /none\.tar" does not exist/, 2],
  ] as const) {
    const { status, stderr } = await runCli(['bundle', 'push', file, '--to', 'registry.example.com'])
    assert.equal(status, code)
    assert.match(stderr, words)
  }
  const named = await runCli(['bundle', 'create', `${directory.path}/x.zip`, 'rancher/x:1'])
  assert.equal(named.status, 2)
})
