import assert from 'node:assert/strict'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { certificateAuthority, type KeyPair } from '../servers/certificates.ts'
import { runInPrivateNetwork } from '../servers/private-network.ts'
import { requireServer } from '../servers/require-server.ts'
import { runCli } from '../servers/run-cli.ts'
import { scriptedServer } from '../servers/scripted-server.ts'
import { tempDir, type TempDir } from '../servers/temp-dir.ts'
import { oneImage, type OneImage } from './one-image.ts'

/** A directory of authorities as an administrator may keep it, with what does not belong there. */
async function certificateDirectory(directory: TempDir, certificate: string): Promise<string> {
  const path = join(directory.path, 'certs')
  await mkdir(join(path, 'subdirectory'), { recursive: true })
  await writeFile(join(path, 'README'), 'our authorities\n')
  await symlink('/dev/zero', join(path, 'device'))
  await writeFile(join(path, 'broken.pem'), '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n')
  await writeFile(join(path, 'own.crt'), `# comment\n${certificate}\n`)
  return path
}

/** Where the authority of the registries may stand. */
const stores: Readonly<Record<string, (directory: TempDir, authority: KeyPair) => Promise<Record<string, string>>>> = {
  SSL_CERT_FILE: async (directory, { certificate }) => ({ SSL_CERT_FILE: await directory.write('ca.pem', certificate) }),
  SSL_CERT_DIR: async (directory, { certificate }) => ({
    SSL_CERT_DIR: `/missing:${await certificateDirectory(directory, certificate)}`,
    SSL_CERT_FILE: '/missing',
  }),
}

async function verifyAsNode(at: OneImage, directory: TempDir, env: Record<string, string>) {
  const registries = await directory.write(
    'registries.yaml',
    JSON.stringify({ mirrors: { 'docker.io': { endpoint: [at.destination.url] } } }),
  )
  return at.run(['--as-node', '--registries', registries], { command: 'verify', env })
}

for (const [name, store] of Object.entries(stores)) {
  test(`trusts an authority in ${name}, for registries, for a list and for a node`, async () => {
    const authority = await certificateAuthority()
    await using at = await oneImage({ tls: await authority.server() })
    await using directory = await tempDir()
    const env = await store(directory, authority)
    const refused = await at.run(['--retries', '0'])
    assert.equal(refused.status, 6)
    assert.match(refused.stderr, /not signed by a trusted authority[^]*hint: add the CA to the system's trust store/)
    const { status, stderr } = await at.run([], { env })
    assert.equal(status, 0, stderr)
    assert.ok(at.isMirrored())
    const node = await verifyAsNode(at, directory, env)
    assert.equal(node.status, 0, node.stdout + node.stderr)
    await using lists = await scriptedServer((_request, response) => void response.end('docker.io/acme/app:1\n'), {
      tls: await authority.server(),
    })
    const listed = await runCli(['images', '--images', `${lists.url}/list.txt`], { env })
    assert.deepEqual([listed.status, listed.stdout], [0, 'docker.io/acme/app:1\n'], listed.stderr)
  })
}

test("trusts a server's own certificate and a certificate below a root, as Go does, in SSL_CERT_FILE and in ca_file", async () => {
  const own = await (await certificateAuthority()).server()
  await using at = await oneImage({ tls: own })
  await using directory = await tempDir()
  const file = await directory.write('own.pem', own.certificate)
  const fromStore = await at.run([], { env: { SSL_CERT_FILE: file } })
  assert.equal(fromStore.status, 0, fromStore.stderr)
  const tls = { ca_file: file }
  const configs = { [at.source.host]: { tls }, [at.destination.host]: { tls } }
  const registries = await directory.write('registries.yaml', JSON.stringify({ configs }))
  const fromFile = await at.run(['--registries', registries])
  assert.equal(fromFile.status, 0, fromFile.stderr)
})

test("trusts an authority in the system's trust store", async (t) => {
  if (!requireServer(t, 'namespaces')) return
  const authority = await certificateAuthority()
  const { certificate, key } = await authority.server()
  const run = async (trusted: KeyPair): Promise<{ readonly status: number; readonly output: string }> => {
    const network = { addresses: [], names: {}, authority: trusted.certificate, env: { CERTIFICATE: certificate, KEY: key } }
    return JSON.parse(await runInPrivateNetwork(new URL('./trust-store-runs.ts', import.meta.url), network)) as never
  }
  const { status, output } = await run(authority)
  assert.equal(status, 0, output)
  const other = await run(await certificateAuthority())
  assert.equal(other.status, 6)
  assert.match(other.output, /not signed by a trusted authority/)
})
