import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runCli } from '../servers/run-cli.ts'
import { tempDir } from '../servers/temp-dir.ts'

const file = `mirrors:
  docker.io:
    endpoint:
      - https://registry.example.com:5000
    rewrite:
      "^rancher/(.*)": "k3s/$1"
configs:
  registry.example.com:5000:
    auth:
      username: puller
      password: s3cret-canary
    tls:
      ca_file: /etc/ssl/registry.crt
`

async function resolve(text: string, ...args: readonly string[]) {
  await using directory = await tempDir()
  return await runCli(['registries', 'resolve', ...args, '--registries', await directory.write('registries.yaml', text)])
}

test('registries resolve prints no query and no fragment of an endpoint', async () => {
  const text = 'mirrors: {docker.io: {endpoint: ["https://u:s3cret@m.example.com?t=s3cret#s3cret"]}}\n'
  for (const format of ['text', 'json']) {
    const { status, stdout } = await resolve(text, 'x', '--output', format)
    assert.equal(status, 0)
    assert.doesNotMatch(stdout, /s3cret/)
    assert.match(stdout, /https:\/\/m\.example\.com\/v2["\n]/)
  }
})

test('registries resolve prints the endpoints in order, without secrets', async () => {
  const { status, stdout, stderr } = await resolve(file, 'rancher/klipper-lb:v0.4.17')
  assert.deepEqual([status, stderr], [0, ''])
  assert.equal(
    stdout,
    `docker.io/rancher/klipper-lb:v0.4.17  (certs.d/docker.io/hosts.toml)
  1. https://registry.example.com:5000/v2
     request: https://registry.example.com:5000/v2/k3s/klipper-lb/manifests/v0.4.17?ns=docker.io
     credentials: username puller, password set (configs."registry.example.com:5000")
     tls: the system's trust store and /etc/ssl/registry.crt (configs."registry.example.com:5000")
     note: renamed by the rewrite "^rancher/(.*)"
  2. https://registry-1.docker.io/v2  (default endpoint)
     request: https://registry-1.docker.io/v2/rancher/klipper-lb/manifests/v0.4.17
     credentials: none
     tls: the system's trust store
     note: the registry itself, used if every endpoint above fails; --disable-default-registry-endpoint of K3s removes it
`,
  )
})

test('registries resolve --output json prints one document', async () => {
  const { status, stdout } = await resolve(file, 'rancher/x:1', 'ghcr.io/a/b:2', '--output', 'json', '--disable-default-registry-endpoint')
  assert.equal(status, 0)
  assert.ok(!stdout.includes('s3cret'))
  assert.deepEqual(JSON.parse(stdout), {
    schemaVersion: 1,
    images: [
      {
        reference: 'docker.io/rancher/x:1',
        hostsDirectory: 'docker.io',
        endpoints: [
          {
            url: 'https://registry.example.com:5000/v2',
            repository: 'k3s/x',
            default: false,
            credentials: 'basic',
            username: 'puller',
            configKey: 'registry.example.com:5000',
            tls: { caFile: '/etc/ssl/registry.crt', certFile: null, keyFile: null, insecureSkipVerify: false },
            requestUrl: 'https://registry.example.com:5000/v2/k3s/x/manifests/1?ns=docker.io',
            notes: ['renamed by the rewrite "^rancher/(.*)"'],
          },
        ],
        notes: [],
      },
      {
        reference: 'ghcr.io/a/b:2',
        hostsDirectory: null,
        endpoints: [
          {
            url: 'https://ghcr.io/v2',
            repository: 'a/b',
            default: true,
            credentials: 'none',
            configKey: null,
            tls: { caFile: null, certFile: null, keyFile: null, insecureSkipVerify: false },
            requestUrl: 'https://ghcr.io/v2/a/b/manifests/2',
            notes: [],
          },
        ],
        notes: ['no mirror is configured for ghcr.io or "*", so nodes use the registry itself'],
      },
    ],
  })
})

test('registries resolve rejects a file that K3s does not start with, and an invalid reference', async () => {
  const broken = await resolve('mirrors:\n  docker.io:\n    endpoint: s3cret\n', 'x')
  assert.equal(broken.status, 2)
  assert.match(
    broken.stderr,
    /registries\.yaml:3:15: mirrors\."docker\.io"\.endpoint: must be a list, not a single value \(INVALID_CONFIG\)/,
  )
  assert.ok(!broken.stderr.includes('s3cret'))
  const reference = await resolve(file, 'Rancher/X')
  assert.equal(reference.status, 2)
  assert.match(reference.stderr, /INVALID_REFERENCE/)
  const version = await resolve(file, 'x', '--k3s-version', 'newest')
  assert.equal(version.status, 2)
})

test('registries resolve takes the images from a selection', async () => {
  await using directory = await tempDir()
  const list = await directory.write('images.txt', '# a list\nrancher/klipper-lb:v0.4.17\nrancher/mirrored-pause:3.6\nghcr.io/a/b:2\n')
  const referencesOf = (stdout: string) =>
    (JSON.parse(stdout) as { images: { reference: string }[] }).images.map(({ reference }) => reference)
  const selected = await resolve(file, '--images', list, 'quay.io/c/d:1', '--exclude', 'ghcr.io/**', '--output', 'json')
  assert.equal(selected.status, 0, selected.stderr)
  assert.deepEqual(referencesOf(selected.stdout).toSorted(), [
    'docker.io/rancher/klipper-lb:v0.4.17',
    'docker.io/rancher/mirrored-pause:3.6',
    'quay.io/c/d:1',
  ])
  const filtered = await resolve(file, 'a/b:1', 'a/c:1', '--include', '**/b:*', '--output', 'json')
  assert.deepEqual(referencesOf(filtered.stdout), ['docker.io/a/b:1'])
  const empty = await resolve(file)
  assert.deepEqual([empty.status, empty.stdout], [2, ''])
  assert.match(empty.stderr, /^error: no images .*\(USAGE\)\nhint: /)
})
