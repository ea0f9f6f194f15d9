import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { open, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { VerifyReport } from '../../src/report/verify-report.ts'
import { requireServer } from '../servers/require-server.ts'
import { runCli, startCli } from '../servers/run-cli.ts'
import { scriptedServer } from '../servers/scripted-server.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { mirroredRelease, type Damage, type MirroredRelease } from './mirrored-release.ts'
import { readXml } from './output/read-xml.ts'

/** The one problem that there is, without its status. */
function onlyProblem({ images, totals }: VerifyReport): { readonly code: string; readonly message: string } {
  const problems = images.flatMap((image) => image.problems)
  assert.deepEqual([problems.length, totals.failed], [1, 1], JSON.stringify(problems))
  return problems[0] ?? { code: '', message: '' }
}

/** A problem of the first image at the destination, as it stands in the report. */
function at({ references, to, image }: MirroredRelease, what: string, reason: string): string {
  return `${references[0]}: ${what}: ${to.url}/v2/mirror/${image.repository}: ${reason}`
}

test('finds every image that mirror wrote: as text, as JSON and as a report', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using line = await mirroredRelease()
  const text = await line.verify()
  assert.equal(text.status, 0, text.stdout + text.stderr)
  assert.match(text.stdout, /^IMAGE +STATUS +MANIFESTS +BLOBS +SIZE +PLATFORMS\n/)
  for (const reference of line.references) {
    assert.ok(text.stdout.includes(`\n${reference}  ok `) || text.stdout.includes(`\n${reference} `))
  }
  assert.match(text.stdout, /^2 images: 2 ok, at http:\/\/127\.0\.0\.1:\d+\/mirror$/m)
  assert.match(text.stdout, /^found 11 manifests and \d+ blobs \(.*\) in .* with \d+ requests$/m)

  const file = join(line.directory.path, 'verify.json')
  const { status, report } = await line.verifyJson(['--report', file, '--deep', '--expect', line.mirrorReport])
  assert.equal(status, 0)
  assert.deepEqual(JSON.parse(await readFile(file, 'utf8')), report)
  const { images, totals, tool, startedAt, finishedAt, ...rest } = report
  assert.deepEqual([tool.name, startedAt < finishedAt], ['k3s-mirror', true])
  assert.deepEqual(rest, {
    schemaVersion: 1,
    command: 'verify',
    destination: `${line.to.url}/mirror`,
    registries: null,
    asNode: false,
    deep: true,
    lists: [],
    warnings: [],
  })
  assert.deepEqual(
    images.map(({ reference, digest, destination, status: found, problems, endpoints }) => ({
      reference,
      digest,
      destination,
      found,
      problems,
      endpoints,
    })),
    line.release.images.map(({ repository, tag, index }, position) => ({
      reference: line.references[position],
      digest: index.digest,
      destination: `${line.to.host}/mirror/${repository}:${tag}`,
      found: 'ok',
      problems: [],
      endpoints: [{ url: `${line.to.url}/v2`, repository: `mirror/${repository}`, default: false, status: 'serves' }],
    })),
  )
  assert.deepEqual([totals.images, totals.ok, totals.failed, totals.blobs], [2, 2, 0, line.release.blobs.size])
})

test('reports each kind of damage as one problem with its reason, and exits with 4', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using line = await mirroredRelease()
  const { image, mirrorReport, from, to, references } = line
  const layer = image.manifests[1]?.layers[2]?.digest ?? ''
  const child = image.manifests[1]?.digest ?? ''
  const changed = `blob ${layer} of ${to.host}/mirror/${image.repository} does not match its digest`
  const moved = (by: string): string =>
    `${references[0]}: the tag has moved: ${to.url}/v2/mirror/${image.repository} has ${child}, ${by} ${image.index.digest}`
  const damages: readonly (readonly [
    name: string,
    damage: () => Promise<Damage>,
    args: readonly string[],
    code: string,
    message: string,
  ])[] = [
    ['a blob deleted', () => line.remove('blob', layer), [], 'NOT_FOUND', at(line, `layer ${layer} (linux/arm64) is missing`, 'not found')],
    [
      'a child manifest deleted',
      () => line.remove('manifest', child),
      [],
      'NOT_FOUND',
      at(line, `manifest ${child} (linux/arm64) is missing`, 'not found'),
    ],
    ['a tag deleted', () => line.remove('tag', image.tag), [], 'NOT_FOUND', at(line, `tag ${image.tag} is missing`, 'not found')],
    [
      'a bit flipped on disk, with --deep',
      () => line.flipBit(layer),
      ['--deep'],
      'INTEGRITY',
      at(line, `layer ${layer} (linux/arm64) is damaged`, changed),
    ],
    ['a tag moved, with --expect', () => line.moveTag(child), ['--expect', mirrorReport], 'TAG_MOVED', moved(mirrorReport)],
    ['a tag moved, with --from', () => line.moveTag(child), ['--from', `*=${from.url}`], 'TAG_MOVED', moved(from.url)],
  ]
  for (const [name, damage, args, code, message] of damages) {
    await t.test(name, async () => {
      await using done = await damage()
      const { status, stderr, report } = await line.verifyJson(args)
      assert.equal(status, 4, `${done.what}: ${stderr}`)
      assert.deepEqual(onlyProblem(report), { code, message })
    })
  }
  const whole = await line.verify(['--deep', '--expect', mirrorReport, '--from', `*=${from.url}`])
  assert.equal(whole.status, 0, whole.stdout)
})

test('prints a problem as one line of text, a JUnit failure and a markdown item', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using line = await mirroredRelease()
  await using damage = await line.remove('tag', line.image.tag)
  const { status, stdout } = await line.verify()
  assert.equal(status, 4, damage.what)
  assert.equal(stdout.split('\n').filter((shown) => shown.startsWith('problem: ')).length, 1)
  assert.match(stdout, /klipper-lb:v0\.4\.17 +missing +0 +0 +0 B\n/)
  assert.match(stdout, /^2 images: 1 ok, 1 missing, at /m)
  const junit = await line.verify(['--output', 'junit'])
  assert.equal(junit.status, 4)
  const { attributes, children } = readXml(junit.stdout)
  assert.deepEqual([attributes['tests'], attributes['failures'], children[0]?.children[1]?.children[0]?.name], ['2', '1', 'failure'])
  const markdown = await line.verify(['--output', 'markdown'])
  assert.equal(markdown.status, 4)
  assert.match(
    markdown.stdout,
    /^## Images: 1 of 2 ok\n[^]*\n\| `127[^|]*klipper-lb:v0\.4\.17` \| \*\*missing\*\* \|[^]*\n### Problems\n\n- `127/,
  )
})

test('compares a tag with the digest in its reference, and compares nothing else by default', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using line = await mirroredRelease()
  const moved = line.image.manifests[0]?.digest ?? ''
  await using damage = await line.moveTag(moved)
  const pinned = `${line.references[0]}@${line.image.index.digest}`
  const held = await runCli(['verify', pinned, '--to', `${line.to.url}/mirror`])
  assert.equal(held.status, 4, damage.what)
  assert.match(held.stdout, new RegExp(`^problem: .*the tag has moved: .* has ${moved}, its reference ${line.image.index.digest} `, 'm'))
  assert.equal((await line.verify()).status, 0)
})

test('accepts the options that select and name images in mirror', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using line = await mirroredRelease()
  const options = ['--flatten', '--platform', 'linux/arm64', '--rewrite', '^rancher/klipper-(.*)=x/k-$1']
  const run = (command: string, ...more: readonly string[]) =>
    runCli([command, ...line.references, '--to', `${line.to.url}/small`, ...options, ...more])
  const mirrored = await run('mirror')
  assert.equal(mirrored.status, 0, mirrored.stderr)
  const { status, stdout } = await run('verify', '--from', `*=${line.from.url}`, '--output', 'json')
  assert.equal(status, 0, stdout)
  const { images } = JSON.parse(stdout) as VerifyReport
  assert.deepEqual(
    images.map(({ destination, platforms }) => [destination, platforms]),
    ['k-lb:v0.4.17', 'mirrored-library-busybox:1.37.0'].map((name) => [`${line.to.host}/small/${name}`, ['linux/arm64']]),
  )
  assert.equal((await run('verify', '--platform', 'linux/amd64')).status, 4)
})

test('verifies a layout in place, and does not create a missing one', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using line = await mirroredRelease()
  const layout = join(line.directory.path, 'layout')
  const none = await runCli(['verify', ...line.references, '--to', `oci:${layout}`])
  assert.equal(none.status, 4)
  assert.match(none.stdout, /cannot be fetched: oci:\S+: "\S+layout" does not exist \(UNREACHABLE\)$/m)
  await assert.rejects(stat(layout), { code: 'ENOENT' })
  const mirrored = await runCli(['mirror', ...line.references, '--to', `oci:${layout}`])
  assert.equal(mirrored.status, 0, mirrored.stderr)
  const whole = await runCli(['verify', ...line.references, '--to', `oci:${layout}`, '--deep'])
  assert.equal(whole.status, 0, whole.stdout)
})

test('reports a registry that is down or refuses access once, and as the problem of every image', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using line = await mirroredRelease({
    htpasswd: { robot: 'right' },
    env: { K3S_MIRROR_USERNAME: 'robot', K3S_MIRROR_PASSWORD: 'right' },
  })
  assert.equal((await line.verify()).status, 0)
  const wrong = await runCli(['verify', ...line.references, '--to', `${line.to.url}/mirror`], {
    env: { K3S_MIRROR_USERNAME: 'robot', K3S_MIRROR_PASSWORD: 'not-right' },
  })
  assert.equal(wrong.status, 6)
  assert.match(wrong.stderr, /^error: .*refused the credentials sent as user "robot", from K3S_MIRROR_USERNAME.*\(UNAUTHORIZED\)$/m)
  assert.match(wrong.stdout, /^2 images: 2 refused, at /m)
  assert.ok(!`${wrong.stdout}${wrong.stderr}`.includes('not-right'))
  const down = await runCli(['verify', ...line.references, '--to', 'http://127.0.0.1:1/mirror'])
  assert.equal(down.status, 6)
  assert.match(down.stderr, /^error: .*: the connection was refused \(UNREACHABLE\)$/m)
  assert.match(down.stdout, /^2 images: 2 unreachable, at /m)
})

test('prints only the interruption when a check is interrupted', async () => {
  let asked = (): void => undefined
  const wasAsked = new Promise<void>((resolve) => (asked = resolve))
  await using server = await scriptedServer(() => asked())
  const { child, finished } = await startCli(['verify', 'rancher/x:1', '--to', server.url])
  await wasAsked
  child.kill('SIGINT')
  const { status, stdout, stderr } = await finished
  assert.deepEqual([status, stdout, stderr], [130, '', 'interrupted by SIGINT\n'])
})

test('does not overwrite an input file with the report', async () => {
  await using directory = await tempDir()
  const report = await directory.write('report.json', '{"schemaVersion":1,"images":[]}')
  const node = await directory.write('node.yaml', '{}')
  for (const read of [
    ['--to', 'http://127.0.0.1:1', '--expect', report, '--report', report],
    ['--as-node', '--registries', node, '--report', node],
  ]) {
    const { status, stderr } = await runCli(['verify', 'rancher/x:1', ...read])
    assert.equal(status, 2, stderr)
    assert.match(stderr, /is named twice/)
  }
  assert.equal(await readFile(node, 'utf8'), '{}')
})

test('reports a failed write of the report in addition to the result', async () => {
  const { status, stdout, stderr } = await runCli(['verify', 'rancher/x:1', '--to', 'http://127.0.0.1:1', '--report', '/dev/full'])
  assert.equal(status, 6)
  assert.match(stdout, /^1 image: 1 unreachable, at http:/m)
  assert.match(stderr, /^error: cannot write the report \/dev\/full: no space left on device \(LOCAL_IO\)$/m)
})

test('warns about an image that the report of --expect does not list', async () => {
  await using directory = await tempDir()
  const report = await directory.write('report.json', '{"schemaVersion":1,"images":[]}')
  const { stdout } = await runCli(['verify', 'rancher/x:1', '--to', 'http://127.0.0.1:1', '--expect', report])
  assert.match(stdout, /^warning: docker\.io\/rancher\/x:1 is not in .*report\.json: there is nothing to compare it with$/m)
})

test('reads the report of --expect from a pipe, and can be interrupted while no one writes to it', async () => {
  await using directory = await tempDir()
  const pipe = `${directory.path}/pipe`
  execFileSync('mkfifo', [pipe])
  const args = ['verify', 'rancher/x:1', '--to', 'http://127.0.0.1:1', '--expect', pipe]
  const { child, finished } = await startCli(args)
  await writeFile(pipe, '{"schemaVersion":1,"images":[]}')
  assert.match((await finished).stdout, /rancher\/x:1 is not in .*pipe: there is nothing/)
  assert.equal(child.exitCode, 6)

  const idle = await startCli(args)
  // It reads only once somebody has begun to write, which shows that it is there.
  const writer = await open(pipe, 'w')
  idle.child.kill('SIGINT')
  assert.equal((await idle.finished).status, 130)
  await writer.close()

  const { status, stderr } = await runCli([...args.slice(0, -1), '/dev/zero'])
  assert.equal(status, 2)
  assert.match(stderr, /cannot read \/dev\/zero: not a file \(USAGE\)/)
})

test('rejects bad usage before any request', async () => {
  const mistakes: readonly (readonly [args: readonly string[], error: RegExp])[] = [
    [['verify', 'rancher/x:1'], /nothing to check: --to or --as-node is required \(USAGE\)/],
    [['verify', '--to', 'http://127.0.0.1:1'], /no images are selected \(USAGE\)/],
    [['verify', 'rancher/x:1', '--to', 'oci:'], /the directory is missing \(USAGE\)/],
    [['verify', 'rancher/x:1', '--to', 'oci'], /the directory is missing \(USAGE\)/],
    [
      ['verify', 'rancher/x:1', '--to', 'http://127.0.0.1:1', '--expect', '/missing.json'],
      /cannot read \/missing\.json: no such file or directory \(USAGE\)/,
    ],
    [
      ['verify', 'rancher/x:1', '--as-node', '--registries', '/missing.yaml'],
      /cannot read \/missing\.yaml: no such file \(INVALID_CONFIG\)/,
    ],
    [['verify', 'rancher/x:1', '--to', 'http://127.0.0.1:1', '--output', 'xml'], /\(USAGE\)/],
  ]
  for (const [args, error] of mistakes) {
    const { status, stdout, stderr } = await runCli(args)
    assert.deepEqual([status, stdout], [2, ''], stderr)
    assert.match(stderr, error)
  }
})
