import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmod, mkdir, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { contentOf, readAll } from '../../src/async/content.ts'
import { formatBundleIndex } from '../../src/bundle/bundle-contents.ts'
import { formatBundleRecord, parseBundleRecord, type BundleBase } from '../../src/bundle/bundle-record.ts'
import { isMirrorError, type MirrorReport } from '../../src/index.ts'
import { claimDirectory } from '../../src/kit/claim-directory.ts'
import { openKitDirectory, readKitList } from '../../src/kit/kit-directory.ts'
import type { BlobRange } from '../../src/layout/blob-store.ts'
import { readLayout } from '../../src/layout/open-layout.ts'
import { pushKit, type PushKitOptions } from '../../src/runs/push-kit.ts'
import { bundleFiles, flipBit, kitFile, packTar, placeOf } from '../bundle/bundle-files.ts'
import { tinyImage } from '../layout/tiny-image.ts'
import { startRegistry } from '../registry-server/start-registry.ts'
import { tempDir } from '../servers/temp-dir.ts'

const run = promisify(execFile)
const made = new Set(['README.md', 'SHA256SUMS'])
const image = 'docker.io/rancher/a:1'
const may = {
  'README.md': 'for May\n',
  SHA256SUMS: 'of May\n',
  'install.sh': '#!/bin/sh\n',
  'k3s/v1.37.1+k3s1/k3s': 'binary of May',
  'k3s/v1.37.1+k3s1/k3s-arm64': 'arm64 binary of May',
}
const june = { ...may, 'README.md': 'for June\n', 'install.sh': '#!/bin/sh -e\n', 'k3s/v1.37.2+k3s1/k3s': 'binary of June' }

/** What pushing a kit of these files to a directory gives: its report, or the error as `code message`. */
async function push(
  directory: string,
  files: Readonly<Record<string, string>>,
  { base, damage, ...options }: Partial<PushKitOptions> & { base?: BundleBase; damage?: string } = {},
): Promise<MirrorReport | string> {
  await using packed = await packTar(bundleFiles({ [image]: tinyImage() }, { files, ...(base && { base }) }))
  if (damage !== undefined) await flipBit(packed.path, await placeOf(packed.path, damage))
  return pushKit({ to: `oci:${directory}`, ...options, files: [packed.path] }).report.catch((error: unknown) => {
    if (isMirrorError(error)) return `${error.code} ${error.message} (${error.hint ?? ''})`
    throw error
  })
}

/** The error of a push that is refused. */
async function refusal(...args: Parameters<typeof push>): Promise<string> {
  const report = await push(...args)
  assert.ok(typeof report === 'string', 'the push was not refused')
  return report
}

const states = (report: MirrorReport | string): unknown =>
  typeof report === 'string' ? report : report.files?.map(({ path, status }) => `${status} ${path}`)

test('writes the images into a layout and the files next to it, with their modes and checksums', async () => {
  await using directory = await tempDir()
  const report = await push(directory.path, may)
  assert.deepEqual(
    states(report),
    ['install.sh', 'k3s/v1.37.1+k3s1/k3s', 'k3s/v1.37.1+k3s1/k3s-arm64'].map((path) => `added ${path}`),
  )
  for (const [path, text] of Object.entries(may))
    if (!made.has(path)) assert.equal(await readFile(`${directory.path}/${path}`, 'utf8'), text)
  assert.equal((await stat(`${directory.path}/k3s/v1.37.1+k3s1/k3s`)).mode & 0o777, 0o755)
  assert.equal((await stat(`${directory.path}/README.md`)).mode & 0o777, 0o644)
  await run('sha256sum', ['--check', '--strict', '--quiet', 'SHA256SUMS'], { cwd: directory.path })
  assert.equal((await readKitList(directory.path))?.length, 5)
  assert.equal((await readLayout(directory.path)).repositories().length, 1)
})

test('gathers the kits of several months, keeps files that match and replaces changed ones', async () => {
  await using directory = await tempDir()
  await push(directory.path, may)
  assert.match(await readFile(`${directory.path}/README.md`, 'utf8'), /- K3s v1\.37\.1\+k3s1, in `k3s\/v1\.37\.1\+k3s1\/`/)
  const before = await stat(`${directory.path}/k3s/v1.37.1+k3s1/k3s`)
  await chmod(`${directory.path}/k3s/v1.37.1+k3s1/k3s`, 0o600)
  assert.deepEqual(states(await push(directory.path, june)), [
    'reused k3s/v1.37.1+k3s1/k3s',
    'reused k3s/v1.37.1+k3s1/k3s-arm64',
    'added k3s/v1.37.2+k3s1/k3s',
    'added install.sh',
  ])
  const after = await stat(`${directory.path}/k3s/v1.37.1+k3s1/k3s`)
  assert.deepEqual([after.ino, after.mtimeMs, after.mode & 0o777], [before.ino, before.mtimeMs, 0o755])
  assert.match(await readFile(`${directory.path}/README.md`, 'utf8'), /- K3s v1\.37\.2\+k3s1[^]*- K3s v1\.37\.1\+k3s1/)
  await run('sha256sum', ['--check', '--strict', '--quiet', 'SHA256SUMS'], { cwd: directory.path })
  assert.equal((await readKitList(directory.path))?.length, 6)
})

test('a kit made with --since needs the files of the earlier one in the directory, or with it', async () => {
  const { 'k3s/v1.37.2+k3s1/k3s': binary, 'README.md': readme } = june
  const digest = `sha256:${'a'.repeat(64)}`
  const base = {
    bundle: digest,
    contents: [],
    files: Object.entries(may).flatMap(([path, text]) => (path.includes('.md') || path.includes('SUMS') ? [] : [kitFile(path, text)])),
  }
  const delta = { 'README.md': readme, 'k3s/v1.37.2+k3s1/k3s': binary }
  await using directory = await tempDir()
  const refused = await refusal(directory.path, delta, { base })
  assert.match(
    refused,
    /^NOT_FOUND .* lacks files that .* expects there \(created with options\.since\): install\.sh and 2 more; nothing was pushed/,
  )
  assert.ok(refused.includes(digest))
  assert.deepEqual(
    (await readdir(directory.path)).filter((name) => !name.startsWith('.')),
    ['blobs', 'index.json', 'oci-layout'],
  )
  await push(directory.path, may)
  assert.deepEqual(states(await push(directory.path, delta, { base })), ['added k3s/v1.37.2+k3s1/k3s'])
  assert.equal((await readKitList(directory.path))?.length, 6)
})

test('refuses other content for a file of a release, unless the option is to replace it', async () => {
  await using directory = await tempDir()
  await push(directory.path, may)
  const other = { ...may, 'k3s/v1.37.1+k3s1/k3s': 'another binary' }
  assert.match(await refusal(directory.path, other), /^INTEGRITY k3s\/v1\.37\.1\+k3s1\/k3s in the kit differs .*nothing was written/)
  assert.equal(await readFile(`${directory.path}/k3s/v1.37.1+k3s1/k3s`, 'utf8'), 'binary of May')
  await push(directory.path, other, { ifChanged: 'replace' })
  assert.equal(await readFile(`${directory.path}/k3s/v1.37.1+k3s1/k3s`, 'utf8'), 'another binary')
})

test('a damaged file of a kit is never written, and nothing is offered', async () => {
  await using directory = await tempDir()
  assert.match(await refusal(directory.path, may, { damage: 'arm64 binary' }), /^INTEGRITY .*k3s-arm64 does not match its digest/)
  assert.deepEqual(await readdir(`${directory.path}/k3s/v1.37.1+k3s1`), ['k3s'])
  assert.equal(await readKitList(directory.path), undefined)
})

test('repairs damaged and half-written files, and removes what a killed push left', async () => {
  await using directory = await tempDir()
  await push(directory.path, may)
  const below = `${directory.path}/k3s/v1.37.1+k3s1`
  await writeFile(`${below}/k3s`, 'binary of')
  await writeFile(`${below}/k3s.0123456789ab.part`, 'half')
  assert.deepEqual(states(await push(directory.path, may)), [
    'reused install.sh',
    'added k3s/v1.37.1+k3s1/k3s',
    'reused k3s/v1.37.1+k3s1/k3s-arm64',
  ])
  assert.deepEqual(await readdir(below), ['k3s', 'k3s-arm64'])
})

test('follows no link out of the directory', async () => {
  await using directory = await tempDir()
  await using outside = await tempDir()
  await mkdir(`${directory.path}/site`)
  await symlink(outside.path, `${directory.path}/site/k3s`)
  await writeFile(`${outside.path}/target`, 'mine')
  await symlink(`${outside.path}/target`, `${directory.path}/site/install.sh`)
  const site = { to: `oci:${directory.path}/images`, filesTo: `${directory.path}/site` }
  assert.match(await refusal('', may, site), /^USAGE cannot write .*: a directory of it is a link/)
  await rm(`${directory.path}/site/k3s`)
  await push('', may, site)
  assert.deepEqual([await readdir(outside.path), await readFile(`${outside.path}/target`, 'utf8')], [['target'], 'mine'])
  assert.equal(await readFile(`${directory.path}/site/install.sh`, 'utf8'), '#!/bin/sh\n')
})

test('refuses a kit whose files would take the place of the layout, and a bundle without files', async () => {
  for (const path of ['blobs/sha256/x', 'Index.json', '../x', '/etc/x', 'k3s/.ssh/x', 'k3s/../x', 'k3s-mirror-kit.json', 'a\\b', 'a\nb']) {
    const record = formatBundleRecord({ tool: '', lists: [], images: [], files: [{ ...kitFile('x', 'x'), path }] })
    await assert.rejects(parseBundleRecord(record), { code: 'INVALID_MANIFEST' }, path)
  }
  await using directory = await tempDir()
  await using bundle = await packTar(bundleFiles({ [image]: tinyImage() }))
  await assert.rejects(pushKit({ to: `oci:${directory.path}`, files: [bundle.path] }).report, { code: 'UNSUPPORTED' })
})

test('with a registry as the destination, files go to another directory or stay in the kit', async () => {
  await using registry = await startRegistry()
  await using directory = await tempDir()
  const plain = await push(directory.path, may, { to: registry.url })
  assert.match(typeof plain === 'string' ? plain : plain.warnings.join(), /only the images are pushed: pass options\.filesTo/)
  const both = await push(directory.path, may, { to: registry.url, filesTo: `${directory.path}/www` })
  assert.equal(typeof both === 'string' ? both : both.totals.failed, 0)
  assert.equal((await readKitList(`${directory.path}/www`))?.length, 5)
})

test('one push at a time writes to a directory, and a later one keeps what the first listed', async () => {
  await using directory = await tempDir()
  const to = (name: string): Partial<PushKitOptions> => ({ to: `oci:${directory.path}/${name}`, filesTo: `${directory.path}/files` })
  const claim = await claimDirectory(`${directory.path}/files`)
  assert.match(await refusal('', may, to('a')), /^LAYOUT_LOCKED process [0-9]+ is writing to \S+\/files /)
  await claim.release()
  await push('', may, to('a'))
  await push('', june, to('b'))
  assert.equal((await readKitList(`${directory.path}/files`))?.length, 6)
})

test('another kit that leaves out the release of a file does not replace it, and no file takes the place of a directory', async () => {
  await using directory = await tempDir()
  await push(directory.path, may)
  const files = bundleFiles({ [image]: tinyImage() }, { files: { 'k3s/v1.37.1+k3s1/k3s': 'other' } })
  const record = await parseBundleRecord(Buffer.from(files['k3s-mirror.json'] ?? ''))
  const unnamed = { ...record, files: record.files?.map(({ path, digest, size }) => ({ path, digest, size })) ?? [] }
  const bytes = formatBundleRecord(unnamed)
  await using packed = await packTar({ ...files, 'k3s-mirror.json': bytes, 'index.json': formatBundleIndex(unnamed, bytes) })
  await assert.rejects(pushKit({ to: `oci:${directory.path}`, files: [packed.path] }).report, {
    code: 'INTEGRITY',
    message: /^k3s\/v1\.37\.1\+k3s1\/k3s in the kit differs/,
  })
  assert.match(
    await refusal(directory.path, { 'README.md/x': 'x' }),
    /^UNSUPPORTED .* cannot have both README\.md and README\.md\/x; nothing was written/,
  )
})

test('a served file that was damaged is given again once a push has repaired it', async () => {
  await using directory = await tempDir()
  await push(directory.path, may)
  const served = await openKitDirectory(directory.path)
  const file = kitFile('install.sh', may['install.sh'])
  const read = async (range?: BlobRange): Promise<string> =>
    String(await readAll((await served.read(file, range)) ?? contentOf(Buffer.of())))
  const range = { offset: 2, length: 4 }
  assert.equal(await read(range), '/bin')
  await writeFile(`${directory.path}/install.sh`, '#!/bin/sH\n')
  await assert.rejects(read(range), { code: 'INTEGRITY' })
  await assert.rejects(read(), { code: 'INTEGRITY' })
  await push(directory.path, may)
  assert.deepEqual([await read(range), await read()], ['/bin', may['install.sh']])
  await rm(`${directory.path}/install.sh`)
  assert.equal(await served.read(file), undefined)
})
