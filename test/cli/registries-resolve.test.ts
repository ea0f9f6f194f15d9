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

test('registries resolve shows no query and no fragment of an endpoint, which no request carries', async () => {
  const text = 'mirrors: {docker.io: {endpoint: ["https://u:s3cret@m.example.com?t=s3cret#s3cret"]}}\n'
  for (const format of ['text', 'json']) {
    const { status, stdout } = await resolve(text, 'x', '--output', format)
    assert.equal(status, 0)
    assert.doesNotMatch(stdout, /s3cret/)
    assert.match(stdout, /https:\/\/m\.example\.com\/v2["\n]/)
  }
})

test('registries resolve prints the endpoints in order, with who and what, and no secret', async () => {
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
     note: the registry itself, asked when every endpoint above has failed; --disable-default-registry-endpoint of K3s takes it away
`,
  )
})

test('registries resolve --output json keeps to its contract', async () => {
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
        notes: ['no mirror is configured for ghcr.io, and none for "*", so the registry itself is asked'],
      },
    ],
  })
})

test('registries resolve refuses what K3s would not start with, and what is no reference', async () => {
  const broken = await resolve('mirrors:\n  docker.io:\n    endpoint: s3cret\n', 'x')
  assert.equal(broken.status, 2)
  assert.match(
    broken.stderr,
    /registries\.yaml:3:15: mirrors\."docker\.io"\.endpoint: a plain value, where a list belongs \(INVALID_CONFIG\)/,
  )
  assert.ok(!broken.stderr.includes('s3cret'))
  const reference = await resolve(file, 'Rancher/X')
  assert.equal(reference.status, 2)
  assert.match(reference.stderr, /INVALID_REFERENCE/)
  const version = await resolve(file, 'x', '--k3s-version', 'newest')
  assert.equal(version.status, 2)
})
