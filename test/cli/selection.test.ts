import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileServer, fixture, sha256Hex, type Answer } from '../release/file-server.ts'
import { runCli, type CliResult } from '../servers/run-cli.ts'
import { tempDir } from '../servers/temp-dir.ts'

const list = (await fixture('k3s-images.v1.37.1+k3s1.txt')).toString()
const names = list.trim().split('\n')
const at = (tag: string, file: string): string => `/${tag.replace('+', '%2B')}/${file}`
const release: Readonly<Record<string, Answer>> = {
  [at('v1.37.1+k3s1', 'k3s-images.txt')]: list,
  [at('v1.37.1+k3s1', 'sha256sum-amd64.txt')]: `${sha256Hex(list)}  k3s-images.txt\n`,
}

/** Runs `images` against a server with these files. */
async function images(args: readonly string[], files: Readonly<Record<string, Answer>> = release, stdin = ''): Promise<CliResult> {
  await using server = await fileServer(files)
  return await runCli(['images', ...args, '--artifact-url', server.url, '--channel-url', `${server.url}/channels`], { stdin })
}

function requireLines({ status, stdout, stderr }: CliResult, expected: readonly string[]): void {
  assert.equal(status, 0, stderr)
  assert.deepEqual(stdout.split('\n'), [...expected, ''])
}

test('--release prints the list of a plain file server, and reports that its checksum matched', async () => {
  const result = await images(['--release', 'v1.37.1+k3s1'])
  requireLines(result, names)
  assert.equal(result.stderr, "v1.37.1+k3s1: the list matches the release's sha256sum-amd64.txt\n")
})

test('a list that no checksum covers is printed with its sha256', async () => {
  const result = await images(['--release', 'v1.37.1+k3s1'], { [at('v1.37.1+k3s1', 'k3s-images.txt')]: list })
  requireLines(result, names)
  assert.match(result.stderr, new RegExp(`no[t ].*checksum.*${sha256Hex(list)}`))
})

test('--list-sha256 accepts the right list', async () => {
  requireLines(await images(['--release', 'v1.37.1+k3s1', '--list-sha256', sha256Hex(list)]), names)
})

test('a channel leads to its release by a redirect', async () => {
  const location = 'https://github.com/k3s-io/k3s/releases/tag/v1.37.1+k3s1'
  const result = await images(['--release', 'stable'], { ...release, '/channels/stable': { status: 302, headers: { location } } })
  requireLines(result, names)
})

test('two releases are merged, each image once', async () => {
  const [first = ''] = names
  const older = `${first}\ndocker.io/rancher/only-in-the-older-one:1\n`
  const files = { ...release, [at('v1.36.5+k3s1', 'k3s-images.txt')]: older }
  const result = await images(['--release', 'v1.37.1+k3s1', '--release', 'v1.36.5+k3s1'], files)
  requireLines(result, [...names, 'docker.io/rancher/only-in-the-older-one:1'])
})

test('standard input accepts a byte order mark, CRLF, comments and short names', async () => {
  const text = '\uFEFF# ours\r\n\r\ndocker.io/rancher/x:1 # why\r\nalpine\r\nghcr.io/k3s-io/y:v2'
  const result = await images(['--images', '-'], {}, text)
  requireLines(result, ['docker.io/rancher/x:1', 'docker.io/library/alpine:latest', 'ghcr.io/k3s-io/y:v2'])
})

test('globs, a file, a URL and arguments work together', async () => {
  await using directory = await tempDir()
  const file = await directory.write('list.txt', 'quay.io/a/b:1\nquay.io/a/windows:1\n')
  await using server = await fileServer({ '/list.txt': 'quay.io/a/c:1\n' })
  const args = ['--images', file, '--images', `${server.url}/list.txt`, '--include', 'quay.io/*', '--exclude', '*windows*']
  requireLines(await images([...args, 'quay.io/d:2', 'ghcr.io/e:3']), ['quay.io/a/b:1', 'quay.io/a/c:1', 'quay.io/d:2'])
})

test('--output json prints the images and the coverage of their lists', async () => {
  const { status, stdout } = await images(['--release', 'v1.37.1+k3s1', '--output', 'json'])
  assert.equal(status, 0)
  assert.deepEqual(JSON.parse(stdout), {
    schemaVersion: 1,
    command: 'images',
    images: names,
    lists: [{ name: 'v1.37.1+k3s1', sha256: sha256Hex(list), coverage: 'checksum-file', release: 'v1.37.1+k3s1', images: names.length }],
    namedBy: Object.fromEntries(names.map((name) => [name, ['v1.37.1+k3s1']])),
    warnings: [],
  })
})

test('upgrade images and the images of a manifest are named as such, and stdout stays a list', async () => {
  await using directory = await tempDir()
  const manifest = await directory.write(
    'controller.yaml',
    'apiVersion: v1\nkind: ConfigMap\ndata:\n  SYSTEM_UPGRADE_JOB_KUBECTL_IMAGE: rancher/kubectl:v1.30.3\n',
  )
  const args = ['--release', 'v1.37.1+k3s1', '--with-upgrade-images', '--manifest', manifest]
  const added = ['docker.io/rancher/kubectl:v1.30.3', 'docker.io/rancher/k3s-upgrade:v1.37.1-k3s1']
  const result = await images(args)
  requireLines(result, [...names, ...added])
  assert.match(result.stderr, /^.*controller\.yaml: 1 image in the Kubernetes manifest\nupgrade images of v1\.37\.1\+k3s1: 1 image added$/m)
  const { lists, namedBy } = JSON.parse((await images([...args, '--output', 'json'])).stdout) as {
    readonly lists: readonly { readonly kind?: string }[]
    readonly namedBy: Readonly<Record<string, readonly string[]>>
  }
  assert.deepEqual(
    lists.map(({ kind }) => kind),
    [undefined, 'manifest', 'upgrade-images'],
  )
  assert.deepEqual(
    [...names, ...added].map((name) => namedBy[name]),
    [...names.map(() => ['v1.37.1+k3s1']), [manifest], ['upgrade images of v1.37.1+k3s1']],
  )
})

test('--with-upgrade-images without a release, and a manifest with an error, are invalid input', async () => {
  const single = await images(['alpine', '--with-upgrade-images'])
  assert.deepEqual([single.status, /--with-upgrade-images requires a release.*\(USAGE\)/.test(single.stderr)], [2, true], single.stderr)
  const wrong = await images(['--manifest', '-'], {}, 'apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: "{{ .Values.image }}"\n')
  assert.equal(wrong.status, 2)
  assert.match(wrong.stderr, /^error: standard input:5: the image .* is a template \(INVALID_LIST\)\nhint: render the templates first/)
})
