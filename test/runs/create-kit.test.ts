import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmod, mkdir, readFile, readdir, stat } from 'node:fs/promises'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { ServedBundle } from '../../src/bundle/served-bundle.ts'
import { checkKit, describeKit } from '../../src/kit/check-kit.ts'
import { createKit } from '../../src/runs/create-kit.ts'
import { kitWorld, tag } from '../kit/kit-world.ts'
import { makePackage } from '../servers/k3s-files.ts'
import { requireServer } from '../servers/require-server.ts'
import { skopeo } from '../servers/skopeo.ts'

const run = promisify(execFile)

test('writes images, K3s, its installer and a README that tar, sha256sum and skopeo read', async (t) => {
  if (!requireServer(t, 'skopeo')) return
  await using world = await kitWorld({
    more: { 'k3s-airgap-images-arm64.tar.zst': Buffer.from('archive'), 'k3s-airgap-images-amd64.tar': Buffer.from('old') },
  })
  const { file, report } = await world.create('k3s.kit.tar', { architectures: ['amd64', 'arm64'], airgapTarballs: true, selinux: ['el9'] })
  assert.deepEqual([report.command, report.totals.copied, report.totals.failed], ['kit create', 2, 0])
  const paths = [
    'README.md',
    'SHA256SUMS',
    'install.sh',
    'k3s-mirror/SHA256SUMS',
    'k3s-selinux/k3s-selinux-1.6-1.el9.noarch.rpm',
    `k3s/${tag}/k3s`,
    `k3s/${tag}/k3s-airgap-images-amd64.tar`,
    `k3s/${tag}/k3s-airgap-images-arm64.tar.zst`,
    `k3s/${tag}/k3s-arm64`,
    `k3s/${tag}/k3s-images.txt`,
    `k3s/${tag}/sha256sum-amd64.txt`,
    `k3s/${tag}/sha256sum-arm64.txt`,
  ].filter((path) => !path.startsWith('k3s-mirror/'))
  assert.deepEqual(
    report.files?.map(({ path, status }) => [path, status]),
    paths.map((path) => [path, 'added']),
  )
  const coverage = Object.fromEntries(report.files?.map((one) => [one.path, one.coverage]) ?? [])
  assert.equal(coverage[`k3s/${tag}/k3s`], 'both')
  assert.equal(coverage[`k3s/${tag}/k3s-images.txt`], 'release-api')
  assert.equal(coverage['install.sh'], 'checksum-file')
  assert.deepEqual(
    (await describeKit(file)).images.map(({ platforms }) => platforms),
    [
      ['linux/amd64', 'linux/arm64'],
      ['linux/amd64', 'linux/arm64'],
    ],
  )

  const out = `${world.directory.path}/out`
  await mkdir(out)
  await run('tar', ['-xf', file, '-C', out])
  await run('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: out })
  assert.equal((await stat(`${out}/k3s/${tag}/k3s`)).mode & 0o777, 0o755)
  assert.match((await run(`${out}/k3s/${tag}/k3s-arm64`)).stdout, /^k3s version v1\.37\.1\+k3s1/)
  const { stdout: listing } = await run('tar', ['-tf', file])
  assert.equal(listing.split('\n')[0], 'README.md')
  const [image] = world.release.images
  await skopeo('inspect', '--raw', `oci-archive:${file}:${image?.reference}`)
  const check = await checkKit(file)
  assert.deepEqual([check.problems, check.files], [[], paths.length])

  const again = await world.create('k3s.kit.tar', { architectures: ['amd64', 'arm64'], airgapTarballs: true, selinux: ['el9'] })
  const first = await readFile(file)
  assert.ok((await readFile(again.file)).equals(first))
})

test('resumes a download that breaks, and a run that was stopped', async () => {
  await using world = await kitWorld({ size: 3_000_000 })
  let breaks = 0
  const asked: (string | undefined)[] = []
  let isStopped = false
  world.before = ({ headers }, response, path) => {
    // It does not end before the run does.
    if (path === `/download/${tag}/k3s-arm64` && !isStopped) {
      response.writeHead(200, { 'content-length': 3_000_000 }).write(world.files.get(path)?.subarray(0, 1_000_000))
      return true
    }
    if (path !== `/download/${tag}/k3s` || headers.range === 'bytes=0-0') return false
    asked.push(headers.range)
    if (breaks++ > 0) return false
    const bytes = world.files.get(path) ?? new Uint8Array()
    response.writeHead(200, { 'content-length': bytes.length })
    response.write(bytes.subarray(0, 1_000_000), () => response.destroy())
    return true
  }
  const stop = new AbortController()
  const options = { file: `${world.directory.path}/k3s.kit.tar`, ...world.places, architectures: ['amd64', 'arm64'] }
  const interrupted = createKit({ ...options, signal: stop.signal })
  for await (const event of interrupted) if (event.type === 'file-copied' && event.path === `k3s/${tag}/k3s`) stop.abort()
  const { files, interrupted: isInterrupted } = await interrupted.report
  isStopped = true
  assert.equal(isInterrupted, true)
  assert.equal(files?.find(({ path }) => path === `k3s/${tag}/k3s`)?.status, 'added')
  assert.match(asked[1] ?? '', /^bytes=[1-9][0-9]*-$/)
  assert.deepEqual(await readdir(world.directory.path), ['k3s.kit.tar.part'])
  asked.length = 0
  const { report } = await world.create('k3s.kit.tar', { architectures: ['amd64', 'arm64'] })
  assert.equal(report.files?.find(({ path }) => path === `k3s/${tag}/k3s`)?.status, 'reused')
  assert.deepEqual(asked, [])
  assert.deepEqual((await checkKit(options.file)).problems, [])
})

test('refuses files that do not match a checksum, and writes no kit', async (t) => {
  await using world = await kitWorld()
  const original = new Map(world.files)
  const changed: readonly (readonly [path: string, code: string, message: RegExp])[] = [
    [`/download/${tag}/sha256sum-amd64.txt`, 'CHECKSUM_MISMATCH', /sha256sum-amd64\.txt: line 1 is not a SHA-256 checksum/],
    [`/download/${tag}/k3s-images.txt`, 'CHECKSUM_MISMATCH', /the release API|k3s-images/],
    [`/raw/${tag}/install.sh`, 'CHECKSUM_MISMATCH', /install\.sh: expected the sha256/],
    ['/selinux/download/v1.6.stable.1/k3s-selinux-1.6-1.el9.noarch.rpm', 'CHECKSUM_MISMATCH', /el9\.noarch\.rpm: expected the sha256/],
  ]
  for (const [path, code, message] of changed) {
    await t.test(path, async () => {
      const bytes = Buffer.from(original.get(path) ?? '')
      const at = path.endsWith('.txt') && path.includes('sha256') ? 0 : bytes.length - 2
      world.files.set(path, Buffer.concat([bytes.subarray(0, at), Buffer.from('x'), bytes.subarray(at + (at === 0 ? 0 : 1))]))
      await assert.rejects(world.create('k3s.kit.tar', { selinux: ['el9'] }), { code, message })
      world.files.set(path, original.get(path) ?? new Uint8Array())
    })
  }
  await t.test('a checksum file and the API that disagree', async () => {
    const api = original.get(`/api/tags/${tag}`) ?? new Uint8Array()
    const { assets, ...rest } = JSON.parse(Buffer.from(api).toString()) as { assets: { name: string; digest: string }[] }
    const other = assets.map((asset) => (asset.name === 'k3s' ? { ...asset, digest: `sha256:${'0'.repeat(64)}` } : asset))
    world.files.set(`/api/tags/${tag}`, Buffer.from(JSON.stringify({ ...rest, assets: other })))
    await assert.rejects(world.create('k3s.kit.tar'), {
      code: 'CHECKSUM_MISMATCH',
      message: /the checksum file names the sha256 .* and the release API/,
    })
    world.files.set(`/api/tags/${tag}`, api)
  })
  await t.test('a binary', async () => {
    const bytes = Buffer.from(original.get(`/download/${tag}/k3s`) ?? '')
    bytes[4000] = (bytes[4000] ?? 0) ^ 1
    world.files.set(`/download/${tag}/k3s`, bytes)
    const { report } = await world.create('k3s.kit.tar')
    const failed = report.files?.filter(({ status }) => status === 'failed')
    assert.deepEqual(
      failed?.map(({ path, error }) => [path, error?.code]),
      [[`k3s/${tag}/k3s`, 'INTEGRITY']],
    )
    const asked = world.server.requests.filter(({ url }) => url.endsWith('/k3s'))
    assert.equal(asked.length, 2, 'wrong content gets one more try')
  })
  assert.deepEqual(await readdir(world.directory.path), ['k3s.kit.tar.part'])
})

test('names what a release does not have', async () => {
  await using world = await kitWorld({ architectures: ['amd64'] })
  await assert.rejects(world.create('k3s.kit.tar', { architectures: ['amd64', 'arm64'] }), {
    code: 'RELEASE_NOT_FOUND',
    message: /K3s release v1\.37\.1\+k3s1 has no file sha256sum-arm64\.txt/,
  })
  await assert.rejects(world.create('k3s.kit.tar', { airgapTarballs: true }), {
    code: 'CHECKSUM_MISMATCH',
    message: /no checksum file of the release names k3s-airgap/,
  })
  await assert.rejects(world.create('k3s.kit.tar', { selinux: ['el11'] }), {
    code: 'USAGE',
    message: /no RPM for "el11"/,
    hint: 'pass one of el9',
  })
  await assert.rejects(world.create('k3s.kit.tar', { releases: undefined, references: ['docker.io/rancher/mirrored-pause:3.10.2'] }), {
    code: 'USAGE',
    message: 'a kit needs a K3s release',
  })
  world.files.delete(`/raw/${tag}/install.sh`)
  await assert.rejects(world.create('k3s.kit.tar'), {
    code: 'RELEASE_NOT_FOUND',
    message: /install\.sh does not exist/,
    hint: /installScript/,
  })
})

test('works without the release API, with a mirror that has no checksum of the installer', async () => {
  await using world = await kitWorld()
  for (const path of [`/api/tags/${tag}`, `/raw/${tag}/install.sh.sha256sum`]) world.files.delete(path)
  world.files.set(`/raw/${tag}/install.sh`, Buffer.from('#!/bin/sh\n'))
  const { file, report } = await world.create('k3s.kit.tar')
  assert.equal(report.totals.failed, 0)
  assert.ok(report.warnings.some((text) => /install\.sh is not covered by a checksum/.test(text)))
  assert.ok(report.warnings.some((text) => /does not support INSTALL_K3S_ARTIFACT_URL/.test(text)))
  const readme = (await run('tar', ['-xOf', file, 'README.md'])).stdout
  assert.match(readme, /Install by hand/)
  assert.doesNotMatch(readme, /INSTALL_K3S_ARTIFACT_URL/)
})

test('leaves out what an earlier kit or its lock file has, and names it', async () => {
  await using world = await kitWorld()
  const lock = `${world.directory.path}/k3s.lock`
  const { file: earlier } = await world.create('k3s.kit.tar.zst', { lock, selinux: ['el9'] })
  world.addRelease('v1.37.2+k3s1')
  const both = { releases: ['v1.37.2+k3s1'], selinux: ['el9'] }
  for (const since of [earlier, lock]) {
    const { file, report } = await world.create('next.kit.tar', { ...both, since })
    const inBase = report.files?.filter(({ status }) => status === 'in-base').map(({ path }) => path)
    assert.deepEqual(inBase, ['install.sh', 'k3s-selinux/k3s-selinux-1.6-1.el9.noarch.rpm'])
    const info = await describeKit(file)
    assert.deepEqual(
      info.base?.files?.map(({ path }) => path),
      inBase,
    )
    assert.ok(info.files?.some(({ path }) => path === 'k3s/v1.37.2+k3s1/k3s'))
    assert.deepEqual(
      info.files?.filter(({ path }) => path === 'install.sh'),
      [],
    )
    assert.deepEqual((await checkKit(file)).problems, [])
  }
})

test('refuses fewer architectures than the earlier kit, whose images it would replace', async () => {
  await using world = await kitWorld()
  const { file: earlier } = await world.create('k3s.kit.tar', { architectures: ['amd64', 'arm64'] })
  await assert.rejects(world.create('next.kit.tar', { architectures: ['amd64'], since: earlier }), {
    code: 'USAGE',
    message: 'the earlier kit is for amd64, arm64: this one would replace images that both need, without arm64',
    hint: 'pass options.architectures amd64,arm64, or create a kit without options.since',
  })
  const { file: delta } = await world.create('same.kit.tar', { architectures: ['amd64', 'arm64'], since: earlier })
  await assert.rejects(ServedBundle.open(delta), { code: 'UNSUPPORTED', hint: /k3s-mirror kit push <file> options\.to oci:/ })
})

test('adds executables of a directory by its SHA256SUMS, and a single one by what it is', async () => {
  await using world = await kitWorld()
  const build = `${world.directory.path}/build`
  await mkdir(build)
  const elf = (machine: number): Buffer => {
    const bytes = Buffer.alloc(100)
    bytes.write('\x7fELF\x02\x01', 'latin1')
    bytes.writeUInt16LE(machine, 18)
    return bytes
  }
  const { writeFile } = await import('node:fs/promises')
  await writeFile(`${build}/k3s-mirror-linux-amd64`, elf(0x3e))
  await writeFile(`${build}/k3s-mirror-linux-arm64`, elf(0xb7))
  const { stdout: sums } = await run('sha256sum', ['k3s-mirror-linux-amd64', 'k3s-mirror-linux-arm64'], { cwd: build })
  await writeFile(`${build}/SHA256SUMS`, sums)
  const names = (report: Awaited<ReturnType<typeof world.create>>['report']): readonly string[] =>
    report.files?.map(({ path }) => path).filter((path) => path.startsWith('k3s-mirror/')) ?? []
  const { file, report } = await world.create('k3s.kit.tar', { executables: build })
  assert.deepEqual(names(report), ['k3s-mirror/SHA256SUMS', 'k3s-mirror/k3s-mirror-linux-amd64'])
  assert.match((await run('tar', ['-xOf', file, 'README.md'])).stdout, /\.\/k3s-mirror\/k3s-mirror-linux-amd64 kit check k3s\.kit\.tar/)
  await chmod(`${build}/k3s-mirror-linux-arm64`, 0o755)
  const { report: single } = await world.create('one.kit.tar', { executables: `${build}/k3s-mirror-linux-arm64` })
  assert.deepEqual(names(single), ['k3s-mirror/SHA256SUMS', 'k3s-mirror/k3s-mirror-linux-arm64'])
  await writeFile(`${build}/k3s-mirror-linux-amd64`, elf(0x03))
  await assert.rejects(world.create('x.kit.tar', { executables: build }), { code: 'CHECKSUM_MISMATCH' })
  await assert.rejects(world.create('x.kit.tar', { executables: `${build}/SHA256SUMS` }), {
    code: 'USAGE',
    message: /is not an executable/,
  })
  const rpm = await world.directory.write('k3s-selinux-1.6-1.el8.noarch.rpm', makePackage('own'))
  const { report: own } = await world.create('rpm.kit.tar', { selinux: [rpm] })
  assert.ok(own.warnings.some((text) => text.startsWith(`${rpm} is not covered by a checksum`)))
})

test('a package that is named twice is in the kit once, and two packages of one name are refused', async () => {
  await using world = await kitWorld()
  const rpm = makePackage('x.rpm')
  for (const [name, bytes] of [
    ['a/x.rpm', rpm],
    ['b/x.rpm', Buffer.concat([rpm, rpm])],
    ['b/X.rpm', rpm],
  ] as const) {
    await mkdir(`${world.directory.path}/${name[0]}`, { recursive: true })
    await world.directory.write(name, bytes)
  }
  const at = (name: string): string => `${world.directory.path}/${name}`
  const { report } = await world.create('twice.tar', { selinux: [at('a/x.rpm'), at('a/../a/x.rpm')] })
  assert.equal(report.files?.filter(({ path }) => path.endsWith('.rpm')).length, 1)
  for (const other of ['b/x.rpm', 'b/X.rpm'])
    await assert.rejects(world.create('two.tar', { selinux: [at('a/x.rpm'), at(other)] }), {
      code: 'USAGE',
      message: /^a kit cannot have two files for one path: k3s-selinux\/[xX]\.rpm and k3s-selinux\/[xX]\.rpm$/,
    })
})

test('an installer or an executable that is a pipe or a device without end is refused', async () => {
  await using world = await kitWorld()
  const pipe = `${world.directory.path}/pipe`
  await run('mkfifo', [pipe])
  await assert.rejects(world.create('k.tar', { installScript: '/dev/zero' }), {
    code: 'USAGE',
    message: '"/dev/zero" is larger than 10 MiB',
  })
  await assert.rejects(world.create('k.tar', { executables: pipe }), { code: 'USAGE', message: /pipe" is not an executable/ })
})
