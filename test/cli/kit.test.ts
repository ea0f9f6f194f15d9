import assert from 'node:assert/strict'
import { readFile, readdir } from 'node:fs/promises'
import { test } from 'node:test'
import type { MirrorReport } from '../../src/report/report.ts'
import { flipBit, placeOf } from '../bundle/bundle-files.ts'
import { kitWorld, tag } from '../kit/kit-world.ts'
import { runCli, startCli } from '../servers/run-cli.ts'
import { smallDisk } from '../servers/small-disk.ts'
import { until } from '../servers/until.ts'

test('a kit that is killed at several moments is resumed, and has the same bytes as one that was not', async () => {
  await using world = await kitWorld({ size: 400_000 })
  // Without the options of the library, the installer and the checksums are where --artifact-url points.
  for (const name of ['install.sh', 'install.sh.sha256sum'])
    world.files.set(`/download/${tag}/${name}`, world.files.get(`/raw/${tag}/${name}`) ?? new Uint8Array())
  const file = `${world.directory.path}/k3s.kit.tar`
  const options = [
    '--release',
    tag,
    '--arch',
    'amd64,arm64,arm',
    '--artifact-url',
    `${world.server.url}/download`,
    '--from',
    `docker.io=${world.registry.url}`,
  ]
  const create = ['kit', 'create', file, ...options]
  let isOnePassed = false
  world.before = (request, response, path) => {
    if (!/\/k3s(?:-arm64|-armhf)?$/.test(path) || request.headers.range === 'bytes=0-0') return false
    if (!isOnePassed) {
      isOnePassed = true
      return false
    }
    // The rest never comes.
    response.writeHead(200, { 'content-length': 400_000 }).write(world.files.get(path)?.subarray(0, 200_000))
    return true
  }
  for (let kills = 0; kills < 2; kills++) {
    isOnePassed = false
    const { child, finished } = await startCli(create)
    let printed = ''
    child.stderr?.on('data', (chunk: Buffer) => (printed += String(chunk)))
    await until(() => Promise.resolve(/^added k3s\/\S+\/k3s(?:-\w+)? /m.test(printed)))
    child.kill('SIGKILL')
    assert.equal((await finished).signal, 'SIGKILL')
    assert.deepEqual(await readdir(world.directory.path), ['k3s.kit.tar.part'])
  }
  world.before = () => false
  const { status, stdout, stderr } = await runCli([...create, '--output', 'json', '--events', `${world.directory.path}/events`])
  assert.equal(status, 0, stderr)
  const { files = [], command } = JSON.parse(stdout) as MirrorReport
  assert.equal(command, 'kit create')
  assert.ok(
    files.some((one) => one.status === 'reused'),
    'a binary of an earlier attempt is not fetched again',
  )
  const events = await readFile(`${world.directory.path}/events`, 'utf8')
  for (const type of ['file-planned', 'file-copied']) assert.ok(events.includes(`"type":"${type}"`), type)
  const { report } = await world.create('whole.kit.tar', {
    ...world.places,
    architectures: ['amd64', 'arm64', 'arm'],
    releaseApiUrl: undefined,
    repositoryUrl: undefined,
  })
  assert.equal(report.totals.failed, 0)
  // The README names the file.
  const [killed, whole] = await Promise.all([readFile(file), readFile(`${world.directory.path}/whole.kit.tar`)])
  const blobs = (bytes: Buffer): Buffer => bytes.subarray(bytes.indexOf('blobs/sha256/'))
  assert.ok(blobs(killed).equals(blobs(whole)))

  const checked = await runCli(['kit', 'check', file])
  assert.deepEqual([checked.status, checked.stdout.split(':')[0]], [0, `${file} is intact`])
  const info = await runCli(['kit', 'info', file])
  assert.match(info.stdout, new RegExp(`^k3s/${tag.replaceAll(/[.+]/g, '\\$&')}/k3s-armhf +400 kB`, 'm'))
  await flipBit(file, await placeOf(file, '#!/bin/sh\n# arm64'))
  const damaged = await runCli(['kit', 'check', file])
  assert.equal(damaged.status, 4)
  assert.equal(damaged.stdout.split('\n')[0], `problem: k3s/${tag}/k3s-arm64 does not match its digest`)
})

test('a wrong binary ends with 3, a wrong option with 2, and a full disk with 6, without a kit', async (t) => {
  await using world = await kitWorld({ architectures: ['amd64'], size: 14_000_000 })
  for (const name of ['install.sh', 'install.sh.sha256sum'])
    world.files.set(`/download/${tag}/${name}`, world.files.get(`/raw/${tag}/${name}`) ?? new Uint8Array())
  const options = ['--release', tag, '--artifact-url', `${world.server.url}/download`, '--from', `docker.io=${world.registry.url}`]
  const arch = await runCli(['kit', 'create', `${world.directory.path}/x.tar`, ...options, '--arch', 'mips'])
  assert.deepEqual(
    [arch.status, arch.stderr.split('\n')[0]],
    [2, 'error: invalid value "mips" for --arch: expected amd64, arm64, arm, s390x (USAGE)'],
  )
  const bytes = Buffer.from(world.files.get(`/download/${tag}/k3s`) ?? '')
  bytes[5_000_000] = (bytes[5_000_000] ?? 0) ^ 1
  world.files.set(`/download/${tag}/k3s`, bytes)
  const wrong = await runCli(['kit', 'create', `${world.directory.path}/x.tar`, ...options, '--retries', '0'])
  assert.equal(wrong.status, 3, wrong.stderr)
  assert.match(wrong.stderr, /^FAILED k3s\/v1\.37\.1\+k3s1\/k3s: \S+\/k3s does not match its sha256 [0-9a-f]{64} \(INTEGRITY\)$/m)
  assert.match(wrong.stdout, /^no kit was written: every file must be complete$/m)
  assert.deepEqual(await readdir(world.directory.path), ['x.tar.part'])
  const bundle = await runCli(['kit', 'info', `${world.directory.path}/x.tar`])
  assert.equal(bundle.status, 2)
  await using disk = await smallDisk(t, '4m')
  if (disk === undefined) return
  const full = await runCli(['kit', 'create', `${disk.path}/x.tar`, ...options])
  assert.deepEqual([full.status, /not enough disk space/.test(full.stderr)], [6, true], full.stderr)
})
