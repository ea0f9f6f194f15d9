import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test, type TestContext } from 'node:test'
import type { VerifyReport } from '../../src/report/verify-report.ts'
import { startRegistry } from '../registry-server/start-registry.ts'
import { busyboxLine, makeBusyboxRelease } from '../servers/busybox-image.ts'
import { certificateAuthority } from '../servers/certificates.ts'
import { startContainerd } from '../servers/containerd.ts'
import { startDockerRegistry, type DockerRegistry, type DockerRegistryOptions } from '../servers/docker-registry.ts'
import type { RegistryRequest } from '../servers/registry-requests.ts'
import { requireServer } from '../servers/require-server.ts'
import { runCli } from '../servers/run-cli.ts'
import { pushRelease } from '../servers/seed-release.ts'
import { tempDir, type TempDir } from '../servers/temp-dir.ts'

const image = 'docker.io/rancher/mirrored-library-busybox:1.37.0'
const password = 'canary-4711'

/** Runs the program, which has to succeed and to show no password. */
async function succeed(args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await runCli(args)
  assert.equal(status, 0, `k3s-mirror ${args.join(' ')}\n${stdout}\n${stderr}`)
  assert.ok(!`${stdout}${stderr}`.includes(password), 'a password was shown')
  return stdout
}

interface Resolved {
  readonly images: readonly {
    readonly endpoints: readonly { readonly requestUrl: string; readonly repository: string; readonly username?: string }[]
  }[]
}

/** A registry that `mirror` has filled, and the registries.yaml that `generate` made for it. */
interface Mirrored extends AsyncDisposable {
  readonly registry: DockerRegistry
  readonly file: string
  readonly directory: TempDir
  /** Requests since it was filled. */
  readonly asked: () => Promise<readonly RegistryRequest[]>
}

interface Variant {
  readonly options?: DockerRegistryOptions
  /** The `configs` entry of the one who mirrors. */
  readonly config?: (directory: TempDir) => Promise<object>
  readonly prefix?: string
  readonly generate?: readonly string[]
}

async function mirrored({ options = {}, config, prefix = '', generate = [] }: Variant): Promise<Mirrored> {
  await using source = await startRegistry()
  await pushRelease(source.url, await makeBusyboxRelease([image]))
  const registry = await startDockerRegistry({ ...options, logRequests: true })
  const directory = await tempDir()
  const configs = config === undefined ? {} : { [registry.host]: await config(directory) }
  const own = ['--registries', await directory.write('own.yaml', JSON.stringify({ configs }))]
  const to = ['--to', `${registry.url}${prefix}`]
  const file = `${directory.path}/registries.yaml`
  await succeed(['mirror', image, '--from', `docker.io=${source.url}`, ...to, ...own])
  await succeed(['registries', 'generate', image, ...to, ...own, ...generate, '--out', file])
  await succeed(['registries', 'lint', file])
  const before = (await registry.requests()).length
  return {
    registry,
    file,
    directory,
    asked: async () => (await registry.requests()).slice(before),
    async [Symbol.asyncDispose]() {
      await registry[Symbol.asyncDispose]()
      await directory[Symbol.asyncDispose]()
    },
  }
}

/** Has containerd pull through what was rendered, and holds what it asked for to what `resolve` had said. */
async function pullAsResolved({ registry, file, directory, asked }: Mirrored, format: string): Promise<void> {
  const [resolved] = (JSON.parse(await succeed(['registries', 'resolve', image, '--registries', file, '--output', 'json'])) as Resolved)
    .images
  const [first] = resolved?.endpoints ?? []
  assert.ok(first)
  const out = `${directory.path}/${format}`
  await succeed([
    'registries',
    'render',
    '--registries',
    file,
    '--format',
    format,
    '--out',
    out,
    ...(format === 'legacy' ? [] : ['--config-version', '2']),
  ])
  const hostsDir = `${out}/certs.d`
  const config = await readFile(`${out}/config.toml`, 'utf8')
  await using containerd = await startContainerd({ config, ...(format === 'legacy' ? {} : { hostsDir }) })
  const before = (await asked()).length

  const pulled = await containerd.criPull(image)
  assert.equal(await containerd.run(pulled, []), `${busyboxLine}\n`)
  const answered = (await asked()).slice(before).filter(({ status }) => status < 400)
  const { pathname, search, origin } = new URL(first.requestUrl)
  assert.equal(origin, registry.url)
  assert.equal(`${answered[0]?.method} ${answered[0]?.target}`, `HEAD ${pathname}${search}`)
  // every manifest and blob under the same repository, with the same ?ns= and by the same user
  const repository = pathname.slice(0, pathname.indexOf('/manifests/'))
  assert.equal(answered.length, 5)
  for (const { target, user } of answered) {
    assert.ok(target.startsWith(`${repository}/`) && target.endsWith(search), target)
    assert.equal(user, first.username)
  }
  assert.equal(containerd.attempts()[0]?.url, first.requestUrl)
  assert.deepEqual(containerd.asked, [], 'nothing is asked for outside')

  // ctr takes a password as an argument only, and knows no config.toml
  if (format === 'legacy' || first.username !== undefined) return
  await containerd.removeImage(pulled)
  const { attempts } = await containerd.ctrPull(image, { hostsDir })
  assert.equal(attempts[0]?.url, first.requestUrl)
}

function hasServers(t: TestContext): boolean {
  return requireServer(t, 'containerd') && requireServer(t, 'docker-registry')
}

test('nodes pull over plain http', async (t) => {
  if (!hasServers(t)) return
  await using place = await mirrored({})
  for (const format of ['k3s', 'containerd', 'legacy']) await pullAsResolved(place, format)
  await succeed(['verify', image, '--as-node', '--registries', place.file])
})

test('nodes pull over TLS with a private authority', async (t) => {
  if (!hasServers(t)) return
  const authority = await certificateAuthority()
  const config = async (directory: TempDir) => ({ tls: { ca_file: await directory.write('ca.pem', authority.certificate) } })
  await using place = await mirrored({ options: { tls: await authority.server() }, config })
  for (const format of ['k3s', 'containerd', 'legacy']) await pullAsResolved(place, format)
  await succeed(['verify', image, '--as-node', '--registries', place.file])
})

test('nodes pull over mutual TLS', async (t) => {
  if (!hasServers(t)) return
  const authority = await certificateAuthority()
  const client = await authority.client()
  const config = async (directory: TempDir) => ({
    tls: {
      ca_file: await directory.write('ca.pem', authority.certificate),
      cert_file: await directory.write('client.pem', client.certificate),
      key_file: await directory.write('client-key.pem', client.key),
    },
  })
  await using place = await mirrored({ options: { tls: { ...(await authority.server()), clientCa: authority.certificate } }, config })
  for (const format of ['k3s', 'containerd', 'legacy']) await pullAsResolved(place, format)
  await succeed(['verify', image, '--as-node', '--registries', place.file])
})

test('nodes pull with a password', async (t) => {
  if (!hasServers(t)) return
  const authority = await certificateAuthority()
  const config = async (directory: TempDir) => ({
    auth: { username: 'robot', password },
    tls: { ca_file: await directory.write('ca.pem', authority.certificate) },
  })
  await using place = await mirrored({ options: { tls: await authority.server(), htpasswd: { robot: password } }, config })
  for (const format of ['k3s', 'containerd', 'legacy']) await pullAsResolved(place, format)
  await succeed(['verify', image, '--as-node', '--registries', place.file])
})

test('nodes pull from a prefix, by a rewrite for K3s and by a path for stock containerd', async (t) => {
  if (!hasServers(t)) return
  await using place = await mirrored({ prefix: '/team/k3s' })
  assert.match(await readFile(place.file, 'utf8'), /"\^\(\.\*\)\$": team\/k3s\/\$1|"\^\(\.\*\)\$": "team\/k3s\/\$1"/)
  await pullAsResolved(place, 'containerd')
  await succeed(['verify', image, '--as-node', '--registries', place.file])
})

test('nodes pull through the wildcard', async (t) => {
  if (!hasServers(t)) return
  await using place = await mirrored({ generate: ['--wildcard'] })
  for (const format of ['k3s', 'containerd', 'legacy']) await pullAsResolved(place, format)
  await succeed(['verify', image, '--as-node', '--registries', place.file])
})

test('nodes with a system registry pull the images of v1.39 and v1.40 by the names that verify asks for', async (t) => {
  if (!hasServers(t)) return
  const releases = [
    ['v1.39.0+k3s1', 'docker.io/rancher/mirrored-library-busybox:1.37.0', 'docker.io/rancher/mirrored-pause:3.10.2'],
    ['v1.40.0+k3s1', 'ghcr.io/k3s-io/mirrored-library-busybox:1.37.0', 'ghcr.io/k3s-io/mirrored-pause:3.10.2'],
  ] as const
  const images = releases.flatMap(([, ...names]) => names)
  await using source = await startRegistry()
  await pushRelease(source.url, await makeBusyboxRelease(images))
  await using registry = await startDockerRegistry({ logRequests: true })
  await using directory = await tempDir()
  const from = ['docker.io', 'ghcr.io'].flatMap((name) => ['--from', `${name}=${source.url}`])
  await succeed(['mirror', ...images, ...from, '--to', `${registry.url}/team/k3s`])
  const config = await directory.write(
    'config.yaml',
    `system-default-registry: ${registry.host}/team/k3s\nprivate-registry: ${directory.path}/none.yaml\n`,
  )
  await directory.write('none.yaml', '')
  const out = `${directory.path}/rendered`
  await succeed(['registries', 'render', '--node-config', config, '--out', out, '--config-version', '2'])
  await using containerd = await startContainerd({ config: await readFile(`${out}/config.toml`, 'utf8'), hostsDir: `${out}/certs.d` })
  for (const [version, ...names] of releases) {
    const node = ['--node-config', config, '--k3s-version', version]
    const json = JSON.parse(await succeed(['verify', ...names, '--as-node', ...node, '--output', 'json'])) as VerifyReport
    for (const { reference, asked = '' } of json.images) {
      const path = reference.replace(/^[^/]+\//, '')
      assert.equal(asked, `${registry.host}/team/k3s/${path}`)
      assert.equal(await containerd.run(await containerd.criPull(asked), []), `${busyboxLine}\n`)
    }
  }
  assert.deepEqual(containerd.asked, [], 'nothing is asked for outside')
})
