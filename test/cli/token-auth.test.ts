import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startRegistry } from '../registry-server/start-registry.ts'
import { compareRelease } from '../servers/compare-release.ts'
import { startDockerRegistry } from '../servers/docker-registry.ts'
import { requireServer } from '../servers/require-server.ts'
import { runCli } from '../servers/run-cli.ts'
import { makeRelease, pushRelease, seedRelease } from '../servers/seed-release.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { startTokenServer, type TokenServer } from '../servers/token-server.ts'
import { canary, requireNoCanary } from './secured-destination.ts'

/** The scopes of every token request, one string each, in order of time. */
function asked({ requests }: TokenServer): readonly string[] {
  return requests.map(({ scopes }) => scopes.join(' '))
}

test('a destination with tokens: one token request for a set of scopes, however many requests wait for it', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using tokens = await startTokenServer({ users: { robot: canary } })
  await using to = await startDockerRegistry({ token: tokens.trust })
  await using from = await startRegistry()
  const release = await seedRelease(from.url)
  const args = ['mirror', '--images', '-', '--from', `docker.io=${from.url}`, '--to', `${to.url}/mirror`]
  const env = { K3S_MIRROR_USERNAME: 'robot', K3S_MIRROR_PASSWORD: canary }
  const { status, stdout, stderr } = await runCli(args, { stdin: release.list, env })
  assert.equal(status, 0, stderr)
  requireNoCanary(stdout, stderr)
  assert.equal(new Set(asked(tokens)).size, tokens.requests.length, 'a set of scopes was asked for twice')
  assert.ok(tokens.requests.every(({ user }) => user === 'robot'))
})

test('a source with tokens is read anonymously when there is no password, and with one when there is', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using directory = await tempDir()
  await using tokens = await startTokenServer({ users: { robot: canary } })
  await using open = await startDockerRegistry({ rootDirectory: directory.path })
  const release = makeRelease()
  await pushRelease(open.url, release)
  await using from = await startDockerRegistry({ rootDirectory: directory.path, token: tokens.trust })
  await using to = await startRegistry()
  const args = ['mirror', '--images', '-', '--from', `docker.io=${from.url}`, '--to', to.url]
  const anonymous = await runCli(args, { stdin: release.list })
  assert.equal(anonymous.status, 0, anonymous.stderr)
  await compareRelease(to.url, '', release)
  assert.deepEqual(new Set(tokens.requests.map(({ grant }) => grant)), new Set(['anonymous']))
  assert.deepEqual(asked(tokens).toSorted(), release.images.map(({ repository }) => `repository:${repository}:pull`).toSorted())

  await using config = await tempDir()
  await config.write('config.json', JSON.stringify({ auths: { [from.host]: { username: 'robot', password: canary } } }))
  const known = await runCli([...args, '--recheck'], { stdin: release.list, env: { DOCKER_CONFIG: config.path } })
  assert.equal(known.status, 0, known.stderr)
  requireNoCanary(known.stdout, known.stderr)
  assert.equal(tokens.requests.at(-1)?.user, 'robot')
})

test('a wrong password is shown to the token server once', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using tokens = await startTokenServer({ users: { robot: 'another' } })
  await using to = await startDockerRegistry({ token: tokens.trust })
  await using from = await startRegistry()
  const { list } = await seedRelease(from.url)
  const env = { K3S_MIRROR_USERNAME: 'robot', K3S_MIRROR_PASSWORD: canary }
  const { status, stdout, stderr } = await runCli(['mirror', '--images', '-', '--from', `docker.io=${from.url}`, '--to', to.url], {
    stdin: list,
    env,
  })
  assert.equal(status, 6, stderr)
  requireNoCanary(stdout, stderr)
  assert.match(stderr, /^error: .*\(UNAUTHORIZED\)$/m)
  assert.equal(tokens.requests.filter(({ grant }) => grant === 'refused').length, 1)
})
