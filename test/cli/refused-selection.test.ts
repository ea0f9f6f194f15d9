import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { test } from 'node:test'
import { startRegistry } from '../registry-server/start-registry.ts'
import { fileServer, fixture, sha256Hex, type Answer } from '../release/file-server.ts'
import { k3sImages } from '../servers/release-shapes.ts'
import { runCli } from '../servers/run-cli.ts'
import { scriptedServer } from '../servers/scripted-server.ts'
import { seedRelease } from '../servers/seed-release.ts'
import { tempDir } from '../servers/temp-dir.ts'

const list = (await fixture('k3s-images.v1.37.1+k3s1.txt')).toString()
const listPath = '/v1.37.1%2Bk3s1/k3s-images.txt'
const checksumPath = '/v1.37.1%2Bk3s1/sha256sum-amd64.txt'
const wrong = sha256Hex('another list')
const login = '<!DOCTYPE html><html><title>Log in to continue</title></html>'

interface Refusal {
  readonly args: readonly string[]
  readonly files?: Readonly<Record<string, Answer>>
  readonly stdin?: string
  readonly status: number
  readonly error: RegExp
}

const release = ['--release', 'v1.37.1+k3s1']
const refusals: Readonly<Record<string, Refusal>> = {
  'a checksum file with another checksum': {
    args: release,
    files: { [listPath]: list, [checksumPath]: `${wrong}  k3s-images.txt\n` },
    status: 3,
    error: /checksum does not match.*\(CHECKSUM_MISMATCH\)/,
  },
  'another --list-sha256': {
    args: [...release, '--list-sha256', wrong],
    files: { [listPath]: list },
    status: 3,
    error: /expected [0-9a-f]{64} from --list-sha256, got .*\(CHECKSUM_MISMATCH\)/,
  },
  'an unknown release': { args: ['--release', 'v1.37.9+k3s9'], status: 2, error: /v1\.37\.9\+k3s9 not found.*\(RELEASE_NOT_FOUND\)/ },
  'a release before there were lists': { args: ['--release', 'v1.16.3+k3s1'], status: 6, error: /has no image list.*\(LIST_UNAVAILABLE\)/ },
  'a tag with a dash': { args: ['--release', 'v1.37.1-k3s1'], status: 2, error: /not a K3s release tag \(USAGE\)/ },
  'an unknown channel': { args: ['--release', 'stabel'], status: 2, error: /channel "stabel" not found at .*\(CHANNEL_NOT_FOUND\)/ },
  'a web page in place of the list': { args: release, files: { [listPath]: login }, status: 2, error: /web page.*\(INVALID_LIST\)/ },
  'a directory as a list': { args: ['--images', '/'], status: 2, error: /directory.*\(INVALID_LIST\)/ },
  'a list that is not there': { args: ['--images', 'missing.txt'], status: 2, error: /missing\.txt.*\(INVALID_LIST\)/ },
  'a bad reference in a list': {
    args: ['--images', '-'],
    stdin: 'a/b:1\nA/B:1\n',
    status: 2,
    error: /standard input:2: .*\(INVALID_REFERENCE\)/,
  },
  'an empty list': { args: ['--images', '-'], stdin: '# nothing\n', status: 2, error: /no images \(INVALID_LIST\)/ },
  'a host that does not exist': {
    args: [...release, '--artifact-url', 'http://k3s-mirror.invalid'],
    status: 6,
    error: /k3s-mirror\.invalid.*\(UNREACHABLE\)/,
  },
  'a port without a listener': {
    args: [...release, '--artifact-url', 'http://127.0.0.1:1'],
    status: 6,
    error: /127\.0\.0\.1:1.*\(UNREACHABLE\)/,
  },
  'no selection at all': { args: [], status: 2, error: /no images are selected \(USAGE\)/ },
  'globs that leave nothing': { args: ['a/b:1', '--exclude', '*'], status: 2, error: /no images are left.*\(USAGE\)/ },
}

for (const [name, { args, files = {}, stdin = '', status, error }] of Object.entries(refusals)) {
  test(`${name}: one clear line, exit ${status}, and nothing is asked of the destination`, async () => {
    await using server = await fileServer(files)
    await using destination = await scriptedServer((_request, response) => void response.writeHead(500).end())
    const places = ['--to', destination.url, '--artifact-url', server.url, '--channel-url', `${server.url}/channels`]
    const result = await runCli(['mirror', ...places, ...args], { stdin })
    assert.equal(result.status, status, result.stderr)
    const lines = result.stderr.split('\n').filter((line) => /^error:|^FAILED/.test(line))
    assert.equal(lines.length, 1, result.stderr)
    assert.match(lines[0] ?? '', error)
    assert.deepEqual([result.stdout, destination.requests.length], ['', 0])
  })
}

test('a selection that is refused leaves no empty layout behind, and a plan makes none', async () => {
  await using directory = await tempDir()
  const layout = ['--to', `oci:${directory.path}/site`]
  const refused: readonly (readonly string[])[] = [
    ['rancher/x:1', '--include', '['],
    ['--images', '/missing.txt'],
    ['rancher/x:1', '--images', '/dev/null', '--list-sha256', 'zz'],
    ['--release', 'v1.37.1+k3s1', '--artifact-url', 'http://127.0.0.1:1'],
  ]
  for (const args of refused) {
    assert.notEqual((await runCli(['mirror', ...args, ...layout])).status, 0)
    assert.deepEqual(await readdir(directory.path), [], args.join(' '))
  }
  await using from = await startRegistry()
  const { images } = await seedRelease(from.url, { images: k3sImages.slice(1, 2) })
  const args = [images[0]?.reference ?? '', '--from', `docker.io=${from.url}`, ...layout]
  for (const command of [['plan'], ['mirror', '--dry-run']]) {
    const { status, stdout, stderr } = await runCli([...command, ...args])
    assert.equal(status, 0, stderr)
    assert.match(stdout, /1 new/)
    assert.deepEqual(await readdir(directory.path), [])
  }
  // A plan for a layout finds what is in it, and reads it while another process writes.
  assert.equal((await runCli(['mirror', ...args])).status, 0)
  assert.match((await runCli(['plan', ...args])).stdout, /1 image is up to date/)
  const foreign = await runCli(['plan', ...args.slice(0, 3), '--to', 'oci:/etc'])
  assert.deepEqual([foreign.status, /neither an OCI layout nor empty/.test(foreign.stderr)], [2, true], foreign.stderr)
})

test('an unknown tag fails with one clear line and exit 1, and the other images are copied', async () => {
  await using from = await startRegistry()
  await using to = await startRegistry()
  const { images, list } = await seedRelease(from.url, { images: k3sImages.slice(1, 3) })
  const missing = `${images[0]?.reference}-missing`
  const { status, stdout, stderr } = await runCli(
    ['mirror', missing, '--images', '-', '--from', `docker.io=${from.url}`, '--to', to.url, '--output', 'json'],
    { stdin: list },
  )
  assert.equal(status, 1, stderr)
  const lines = stderr.split('\n').filter((line) => /^error:|^FAILED/.test(line))
  assert.deepEqual(lines, [`FAILED ${missing} not found: the source has no tag ${missing.replace(/.*:/, '')} (NOT_FOUND)`])
  const { totals, images: reported } = JSON.parse(stdout) as {
    totals: { copied: number; failed: number }
    images: readonly { error?: { hint?: string } }[]
  }
  assert.match(reported.find(({ error }) => error !== undefined)?.error?.hint ?? '', new RegExp(`^Did you mean ${images[0]?.tag}\\?$`))
  assert.deepEqual([totals.copied, totals.failed], [2, 1])
})
