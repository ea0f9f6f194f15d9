import assert from 'node:assert/strict'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { MirrorReport } from '../../src/report/report.ts'
import { needsNode } from '../servers/cli-command.ts'
import { requireServer } from '../servers/require-server.ts'
import { canary, securedDestination, type Login, type SecuredDestination } from './secured-destination.ts'

const auth = { username: 'robot', password: canary }

/** A directory for DOCKER_CONFIG. */
async function dockerConfig({ directory }: SecuredDestination, name: string, config: object): Promise<string> {
  const path = join(directory.path, name)
  await mkdir(path)
  await writeFile(join(path, 'config.json'), JSON.stringify(config))
  return path
}

/** A credential helper on PATH, as docker's are: https://github.com/docker/docker-credential-helpers */
async function credentialHelper(places: SecuredDestination): Promise<Readonly<Record<string, string>>> {
  const { directory, destination } = places
  const answer = JSON.stringify({ ServerURL: destination.host, Username: 'robot', Secret: canary })
  const helper = await directory.write('docker-credential-test', `#!/bin/sh\nread -r server\necho '${answer}'\n`)
  await chmod(helper, 0o700)
  return {
    PATH: `${directory.path}:${process.env['PATH']}`,
    DOCKER_CONFIG: await dockerConfig(places, 'helper', { credHelpers: { [destination.host]: 'test' } }),
  }
}

test('every way of logging in works, and never prints the password', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using places = await securedDestination()
  const { destination, caFile } = places
  const tls = { ca_file: caFile }
  const basic = Buffer.from(`robot:${canary}`).toString('base64')
  const config = await dockerConfig(places, 'auths', { auths: { [destination.host]: { auth: basic } } })
  const ways: readonly (readonly [name: string, config: object, env: Login['env']])[] = [
    ['registries.yaml', { auth, tls }, {}],
    ['insecure_skip_verify', { auth, tls: { insecure_skip_verify: true } }, {}],
    ['config.json', { tls }, { DOCKER_CONFIG: config }],
    ['a credential helper', { tls }, await credentialHelper(places)],
    ['the environment', { tls }, { K3S_MIRROR_USERNAME: 'robot', K3S_MIRROR_PASSWORD: canary }],
  ]
  for (const [name, config, env = {}] of ways) {
    const skip = name === 'a credential helper' && needsNode('the helper is a shell script')
    await t.test(name, { skip }, async () => {
      const { status, stderr } = await places.mirror({ options: await places.registries(config), env })
      assert.equal(status, 0, stderr)
    })
  }
})

test('sends a wrong password once, and reports it in one line', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using places = await securedDestination()
  const { status, stdout, stderr } = await places.mirror({
    options: await places.registries({ auth: { ...auth, password: 'wrong' }, tls: { ca_file: places.caFile } }),
  })
  assert.equal(status, 6, stderr)
  const failed = stderr.split('\n').filter((line) => /^FAILED|^error:/.test(line))
  assert.equal(failed.length, 1, stderr)
  assert.match(failed[0] ?? '', /^error: .*refused the credentials sent .*registries\.yaml.* \(UNAUTHORIZED\)$/)
  assert.equal(stdout, '2 images: 2 failed\n')
  const withPassword = places.destination.requests.filter(({ headers }) => headers.authorization !== undefined)
  assert.equal(withPassword.length, 1)
})

test('reports where it looked for a password that is missing', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using places = await securedDestination()
  const { status, stderr } = await places.mirror({ options: await places.registries({ tls: { ca_file: places.caFile } }) })
  assert.equal(status, 6, stderr)
  assert.match(stderr, /^error: .*no credentials were found for .*looked in .*registries\.yaml.*config\.json.*\(UNAUTHORIZED\)$/m)
})

test('a login that is missing or wrong fails a plan, and a run requests no more than tags', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using places = await securedDestination()
  const tls = { ca_file: places.caFile }
  for (const config of [{ tls }, { auth: { ...auth, password: 'wrong' }, tls }]) {
    const options = await places.registries(config)
    const mirrored = await places.mirror({ options: [...options, '--output', 'json'] })
    const { requests } = (JSON.parse(mirrored.stdout) as MirrorReport).totals
    assert.ok(requests.source <= places.release.images.length, `${requests.source} requests to the source`)
    const planned = await places.mirror({ options: [...options, '--dry-run'] })
    assert.equal(planned.status, 6, planned.stdout)
    assert.match(planned.stderr, /^error: .*(?:no credentials were found|refused the credentials).*\(UNAUTHORIZED\)$/m)
    assert.match(planned.stdout, /^2 images: .*2 failed/)
  }
})
