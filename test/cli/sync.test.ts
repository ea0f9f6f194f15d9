import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import type { SyncCheckReport, SyncReport } from '../../src/cli/sync/sync-report.ts'
import { runCli } from '../servers/run-cli.ts'
import { readXml } from './output/read-xml.ts'
import { schemaOf, syncWorld, type SyncWorld } from './sync-world.ts'

const isReport = schemaOf('sync-report')

/** The two entries that most tests use: a channel, and a list next to the configuration, which goes to both destinations. */
async function twoEntries(world: SyncWorld): Promise<void> {
  world.release('v1.37.1+k3s1', ['one', 'two'])
  world.release('other', ['three', 'four'])
  await world.directory.write('apps.txt', 'docker.io/rancher/three:1\ndocker.io/rancher/four:1\n')
  await world.config(`  - name: k3s
    releases: [stable, v1.37.1+k3s1]
  - name: apps
    images: apps.txt
    exclude: ["*four*"]
    platforms: [linux/amd64]
    rewrite: ["^rancher/(.*)=apps/$1"]
    to:
      - ${world.destinations[0].url}
      - ${world.destinations[1].url}/site`)
}

/** The document, valid by the schema. */
function parse(stdout: string): unknown {
  const document: unknown = JSON.parse(stdout)
  assert.ok(isReport(document), JSON.stringify(isReport.errors))
  return document
}

test('mirrors every entry to its destinations, exactly as separate commands do', async () => {
  await using world = await syncWorld()
  await twoEntries(world)
  const [first, second] = world.destinations
  const report = `${world.directory.path}/report.json`
  const { status, stdout, stderr } = await world.sync(['--output', 'json', '--report', report])
  assert.equal(status, 0, stderr)
  const { entries, totals } = parse(stdout) as SyncReport
  assert.deepEqual(JSON.parse(await readFile(report, 'utf8')), JSON.parse(stdout))
  assert.deepEqual([totals.images, totals.copied, totals.failed], [4, 4, 0])
  assert.deepEqual(
    entries.map(({ name, report: many }) => [name, many?.destinations.map(({ destination }) => destination)]),
    [
      ['k3s', [`${first.url}/mirror`]],
      ['apps', [first.url, `${second.url}/site`]],
    ],
  )
  const [list] = entries[0]?.report?.destinations[0]?.lists ?? []
  assert.deepEqual([list?.channel, list?.release], ['stable', 'v1.36.3+k3s1'])

  const synced = world.destinations.map(({ manifests }) => new Map(manifests))
  for (const { manifests, blobs } of world.destinations) {
    manifests.clear()
    blobs.clear()
  }
  const places = [
    '--from',
    `docker.io=${world.source.url}`,
    '--artifact-url',
    world.releases,
    '--channel-url',
    `${world.releases}/channels`,
  ]
  const apps = ['--images', `${world.directory.path}/apps.txt`, '--exclude', '*four*', '--platform', 'linux/amd64']
  const renamed = [...apps, '--rewrite', '^rancher/(.*)=apps/$1']
  for (const args of [
    ['--release', 'stable', '--release', 'v1.37.1+k3s1', '--to', `${first.url}/mirror`],
    [...renamed, '--to', first.url],
    [...renamed, '--to', `${second.url}/site`],
  ]) {
    const mirrored = await runCli(['mirror', ...args, ...places])
    assert.equal(mirrored.status, 0, mirrored.stderr)
  }
  world.destinations.forEach(({ manifests }, index) => assert.deepEqual(new Map(manifests), synced[index]))
})

test('--check reports what differs and moves nothing; --detailed-exitcode returns 5', async () => {
  await using world = await syncWorld()
  await twoEntries(world)
  const drift = await world.sync(['--check', '--detailed-exitcode', '--output', 'json'])
  assert.equal(drift.status, 5, drift.stderr)
  const { totals, check } = parse(drift.stdout) as SyncCheckReport
  assert.deepEqual([check, totals.new, totals.present], [true, 4, 0])
  assert.deepEqual(
    world.destinations.flatMap(({ writes }) => writes),
    [],
  )
  const text = await world.sync(['--check'])
  assert.equal(text.status, 0)
  assert.match(
    text.stdout,
    /^k3s -> \S+\/mirror \(stable is v1\.36\.3\+k3s1\): 2 images: 2 new, [\d.]+ kB to copy\n {2}new {5}docker\.io\/rancher\/one:1$/m,
  )

  assert.equal((await world.sync(['--detailed-exitcode'])).status, 5)
  const again = await world.sync(['--detailed-exitcode'])
  assert.deepEqual(
    [again.status, again.stdout.split('\n')[0]?.replace(/http:\S+/, 'X')],
    [0, 'k3s -> X (stable is v1.36.3+k3s1): 2 images: 2 up to date'],
  )
  const { entries } = parse((await world.sync(['--output', 'json'])).stdout) as SyncReport
  const platforms = entries.flatMap(({ report }) =>
    report?.destinations.flatMap(({ images }) => images.map((image) => image.platforms.length)),
  )
  assert.ok(
    platforms.every((count) => count !== undefined && count > 0),
    'a document names the platforms of images that are up to date',
  )
  const same = await world.sync(['--check', '--detailed-exitcode'])
  assert.deepEqual([same.status, /1 image in sync\n/.test(same.stdout)], [0, true])
})

test('an entry that fails does not stop the others, and the worst exit code counts', async () => {
  await using world = await syncWorld()
  await world.config(`  - name: gone
    references: docker.io/rancher/gone:1
  - name: channel
    releases: nightly
  - name: k3s
    releases: stable`)
  const { status, stdout } = await world.sync()
  assert.equal(status, 1)
  assert.match(stdout, /^gone -> \S+: 1 image: 1 failed$/m)
  assert.match(stdout, /^channel: not started\n {2}FAILED channel "nightly" not found .*\(CHANNEL_NOT_FOUND\)$/m)
  assert.match(stdout, /^k3s -> \S+ \(stable is v1\.36\.3\+k3s1\): 1 image: 1 copied/m)
  const xml = readXml((await world.sync(['--output', 'junit', '--quiet'])).stdout)
  assert.deepEqual(
    xml.children.map(({ attributes: { name, failures } }) => [name?.replace(/ ->.*/, ''), failures]),
    [
      ['sync gone', '1'],
      ['sync channel', '1'],
      ['sync k3s', '0'],
    ],
  )
  const check = await world.sync(['--check', '--output', 'markdown', '--annotate', 'github'])
  assert.deepEqual(
    check.stdout.match(/^## .*$/gm),
    ['gone', 'channel', 'k3s'].map((name) => `## k3s-mirror sync --check: \`${name}\``),
  )
  assert.match(check.stderr, /^::error title=k3s-mirror sync channel -> .* failed::channel "nightly" not found/m)
  const only = await world.sync(['--only', 'k3s', '--output', 'json'])
  assert.equal(only.status, 0)
  assert.deepEqual(
    (parse(only.stdout) as SyncReport).entries.map(({ name }) => name),
    ['k3s'],
  )
  assert.match((await world.sync(['--only', 'k3'])).stderr, /Did you mean k3s\?/)
})

test('an invalid file is reported before the first request, also as JSON', async () => {
  await using world = await syncWorld()
  const file = await world.config('  - name: k3s\n    relases: stable')
  const { status, stdout, stderr } = await world.sync(['--output', 'json'])
  assert.equal(status, 2)
  const problem = `${file}:12:5: unknown key "relases"`
  assert.deepEqual((parse(stdout) as { error: object }).error, { code: 'INVALID_CONFIG', message: problem, hint: 'Did you mean releases?' })
  assert.equal(stderr, `error: ${problem} (INVALID_CONFIG)\nhint: Did you mean releases?\n`)
  assert.deepEqual([world.asked, world.source.requests.length], [[], 0])
})

test('reads the configuration from standard input, and options before the environment before the file', async () => {
  await using world = await syncWorld()
  const text = await readFile(await world.config('  - name: k3s\n    releases: stable'), 'utf8')
  const stdin = text.replace(/channelUrl: .*/, 'channelUrl: http://127.0.0.1:1/file')
  const run = (args: readonly string[], env: Readonly<Record<string, string>>): ReturnType<typeof runCli> =>
    runCli(['sync', '--config', '-', ...args], { stdin, env })
  const right = `${world.releases}/channels`
  const wrong = 'http://127.0.0.1:1/environment'
  assert.equal((await run(['--channel-url', right], { K3S_MIRROR_CHANNEL_URL: wrong })).status, 0)
  assert.equal((await run([], { K3S_MIRROR_CHANNEL_URL: right })).status, 0)
  assert.match((await run([], {})).stdout, /127\.0\.0\.1:1/)
})

test('rejects options that exclude each other', async () => {
  await using world = await syncWorld()
  await world.config('  - name: k3s\n    releases: stable')
  const refused = [
    [['--watch', '--check'], '--watch and --check exclude each other'],
    [['--watch', '--output', 'junit'], '--output junit is one document, and --watch does not end'],
    [['--watch', '--annotate', 'gitlab'], '--annotate has no effect with --watch'],
    [['--interval', '5m'], '--interval requires --watch'],
    [['--listen', ':0'], '--listen requires --watch'],
    [['--watch', '--interval', '5'], 'invalid value "5" for --interval: expected a duration, as in 30s, 1h30m or 7d'],
    [['--report', `${world.directory.path}/sync.yaml`], 'is named twice'],
  ] as const
  for (const [args, message] of refused) {
    const { status, stderr } = await world.sync(args)
    assert.equal(status, 2, args.join(' '))
    assert.ok(stderr.includes(message), stderr)
  }
})
