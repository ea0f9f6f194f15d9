import assert from 'node:assert/strict'
import { chmod, readFile } from 'node:fs/promises'
import { test } from 'node:test'
import fc from 'fast-check'
import { MirrorError } from '../../../src/errors.ts'
import { parseAuthConfig, readAuthFile } from '../../../src/registry/auth/docker-config.ts'
import { tempDir } from '../../servers/temp-dir.ts'
import { canary } from './send-authorized.ts'
import { failureOf } from './token-registry.ts'

const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64')
const hub = 'https://registry-1.docker.io'

/** A reader of a config.json with this content. */
async function configOf(content: unknown, environment?: Readonly<Record<string, string>>) {
  await using directory = await tempDir()
  await directory.write('config.json', typeof content === 'string' ? content : JSON.stringify(content))
  return await readAuthFile(`${directory.path}/config.json`, { environment })
}

/** The user that an origin would be logged in as. */
async function userAt(auths: object, origin: string): Promise<string | undefined> {
  const credentials = await (await configOf({ auths })).find(origin)
  return credentials?.kind === 'basic' ? credentials.username : credentials?.kind
}

test('reads every form of key that Docker writes, and ignores default ports', async () => {
  const auth = { auth: base64('alice:x') }
  const found: readonly (readonly [key: string, origin: string])[] = [
    ['r.example.com', 'https://r.example.com'],
    ['r.example.com', 'http://r.example.com'],
    ['r.example.com:443', 'https://r.example.com'],
    ['r.example.com:80', 'http://r.example.com'],
    ['R.Example.com:5000', 'https://r.example.com:5000'],
    ['r.example.com:5000', 'http://r.example.com:5000'],
    ['https://r.example.com/', 'https://r.example.com'],
    ['https://r.example.com:443/v2/', 'https://r.example.com'],
    ['http://r.example.com/v1/', 'http://r.example.com'],
    ['http://r.example.com:5000/v1/', 'http://r.example.com:5000'],
    ['[::1]:5000', 'http://[::1]:5000'],
    ['https://index.docker.io/v1/', hub],
    ['docker.io', hub],
    ['registry-1.docker.io', hub],
    ['index.docker.io', hub],
  ]
  for (const [key, origin] of found) assert.equal(await userAt({ [key]: auth }, origin), 'alice', `${key} ${origin}`)
  const absent: readonly (readonly [key: string, origin: string])[] = [
    ['r.example.com', 'https://r.example.com:5000'],
    ['r.example.com:443', 'http://r.example.com'],
    ['r.example.com:5000', 'https://r.example.com'],
    ['https://r.example.com', 'http://r.example.com'],
    ['https://r.example.com:5000/', 'http://r.example.com:5000'],
    ['r.example.com/team', 'https://r.example.com'],
    ['example.com', 'https://r.example.com'],
    ['*', 'https://r.example.com'],
    ['evil@r.example.com', 'https://r.example.com'],
    ['https://index.docker.io/v1/', 'https://mirror.example.com'],
    ['docker.io', 'http://docker.io:5000'],
  ]
  for (const [key, origin] of absent) assert.equal(await userAt({ [key]: auth }, origin), undefined, `${key} ${origin}`)
})

test('distinguishes a password, an identity token and a registry token', async () => {
  const at = async (entry: object) => (await configOf({ auths: { 'r.example.com': entry } })).find('https://r.example.com')
  assert.deepEqual(await at({ auth: base64('jürgen:a:b') }), { kind: 'basic', username: 'jürgen', password: 'a:b' })
  assert.deepEqual(await at({ username: 'u', password: 'p' }), { kind: 'basic', username: 'u', password: 'p' })
  assert.deepEqual(await at({ auth: base64('0000:'), identitytoken: 'it' }), { kind: 'identity-token', token: 'it', username: '0000' })
  assert.deepEqual(await at({ identitytoken: 'it' }), { kind: 'identity-token', token: 'it' })
  assert.deepEqual(await at({ auth: base64('u:p'), registrytoken: 'rt' }), { kind: 'registry-token', token: 'rt' })
  assert.equal(await at({}), undefined)
})

test('finds no credentials in a missing file or directory', async () => {
  await using directory = await tempDir()
  assert.equal(await (await readAuthFile(`${directory.path}/config.json`)).find(hub), undefined)
  assert.equal(await (await readAuthFile(`${directory.path}/none/config.json`)).find(hub), undefined)
})

test('names an invalid file without quoting it', async () => {
  for (const [content, why] of [
    [`{"auths": {"r.example.com": {"auth": "${canary}"`, /config\.json: it is not JSON(?: \(line \d+, column \d+\))?$/],
    [`{"auths": ${canary}}`, /config\.json: it is not JSON(?: \(line \d+, column \d+\))?$/],
    [`"${canary}"`, /not a JSON object/],
    [{ auths: canary }, /"auths" is not an object/],
    [{ credHelpers: [canary] }, /"credHelpers" is not an object/],
  ] as const) {
    const error = await failureOf(configOf(content))
    assert.equal(error.code, 'INVALID_CONFIG')
    assert.match(error.message, why)
  }
  assert.match((await failureOf(configOf('{\n  "auths": {"a": 1,}\n}'))).message, /config\.json: it is not JSON/)
})

test('rejects an invalid entry only when it is used', async () => {
  for (const entry of [
    { auth: `not ${canary}` },
    { auth: base64(canary) },
    { auth: 5 },
    canary,
    { identitytoken: [canary] },
    { auth: Buffer.from([0xff, 0x3a]).toString('base64') },
  ]) {
    const config = await configOf({ auths: { 'r.example.com': entry, 'good.example.com': { auth: base64('a:b') } } })
    const error = await failureOf(config.find('https://r.example.com'))
    assert.equal(error.code, 'INVALID_CONFIG')
    assert.match(error.message, /config\.json: .*entry for r\.example\.com/)
    assert.ok(await config.find('https://good.example.com'))
  }
})

test('asks the credential helper of the registry first, or the store', async () => {
  await using directory = await tempDir()
  for (const name of ['one', 'all']) {
    await directory.write(`docker-credential-${name}`, `#!/bin/sh\nread address\necho '{"Username":"'"${name} $address"'","Secret":"s"}'\n`)
    await chmod(`${directory.path}/docker-credential-${name}`, 0o700)
  }
  const environment = { PATH: directory.path }
  const config = await configOf(
    { credHelpers: { 'r.example.com:443': 'one' }, credsStore: 'all', auths: { 'r.example.com': { auth: base64('file:x') } } },
    environment,
  )
  const user = async (origin: string) => JSON.stringify(await config.find(origin))
  assert.match(await user('https://r.example.com'), /"one r\.example\.com:443"/)
  assert.match(await user('https://s.example.com:5000'), /"all s\.example\.com:5000"/)
  assert.match(await user(hub), /"all https:\/\/index\.docker\.io\/v1\/"/)
})

test('reports only INVALID_CONFIG for arbitrary content', async () => {
  await using directory = await tempDir()
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.json(),
        fc.string(),
        fc.dictionary(fc.constantFrom('auths', 'credHelpers'), fc.object()).map((value) => JSON.stringify(value)),
      ),
      async (content) => {
        await directory.write('config.json', content)
        try {
          await (await readAuthFile(`${directory.path}/config.json`)).find('https://r.example.com')
        } catch (error) {
          assert.ok(error instanceof MirrorError && error.code === 'INVALID_CONFIG', String(error))
        }
      },
    ),
    { numRuns: 50 },
  )
})

test('uses a key with a path only for its repositories, and prefers the longest one', async () => {
  const auths = Object.fromEntries(
    ['r.example.com', 'r.example.com/team', 'https://r.example.com/team/app/', 'r.example.com:443/v2', 'docker.io/acme'].map((key) => [
      key,
      { auth: base64(`${key}:x`) },
    ]),
  )
  const config = await configOf({ auths })
  const user = async (origin: string, repository?: string) => {
    const credentials = await config.find(origin, { repository })
    return credentials?.kind === 'basic' ? credentials.username : undefined
  }
  assert.equal(await user('https://r.example.com', 'team/other'), 'r.example.com/team')
  assert.equal(await user('https://r.example.com', 'team'), 'r.example.com/team')
  // the colon of its scheme ends the user name
  assert.equal(await user('https://r.example.com', 'team/app/deep'), 'https')
  assert.equal(await user('https://r.example.com', 'teams/app'), 'r.example.com')
  assert.equal(await user('https://r.example.com'), 'r.example.com')
  assert.equal(await user(hub, 'acme/app'), 'docker.io/acme')
  assert.equal(await user(hub, 'library/app'), undefined)
})

test('prefers a key with a path to a helper, and asks a helper once for all repositories', async () => {
  await using directory = await tempDir()
  const helper = `#!/bin/sh\nread address\necho x >> ${directory.path}/asked\necho '{"Username":"helper","Secret":"s"}'\n`
  await directory.write('docker-credential-one', helper)
  await chmod(`${directory.path}/docker-credential-one`, 0o700)
  const config = await configOf(
    { credsStore: 'one', auths: { 'r.example.com/team': { auth: base64('team:x') }, 'r.example.com': {} } },
    { PATH: directory.path },
  )
  const users = await Promise.all(
    ['team/a', 'other/a', 'other/b'].map(async (repository) => JSON.stringify(await config.find('https://r.example.com', { repository }))),
  )
  assert.deepEqual(
    users.map((user) => /"username":"(\w+)"/.exec(user)?.[1]),
    ['team', 'helper', 'helper'],
  )
  assert.equal(await readFile(`${directory.path}/asked`, 'utf8'), 'x\n')
})

test('uses the entries of the file when a helper is not installed', async () => {
  const missing = {
    credsStore: 'desktop.exe',
    auths: { 'r.example.com': { auth: base64('file:x') }, 's.example.com': {}, 't.example.com': null },
  }
  const config = await configOf(missing, { PATH: '/missing' })
  assert.deepEqual(await config.find('https://r.example.com'), { kind: 'basic', username: 'file', password: 'x' })
  for (const origin of ['https://s.example.com', 'https://t.example.com']) {
    assert.match((await failureOf(config.find(origin))).message, /docker-credential-desktop\.exe failed: it is not installed/)
  }
})

test('accepts wrapped base64, and ignores NUL around the password, as Docker does', async () => {
  const long = `alice:${'x'.repeat(100)}`
  const at = async (auth: string) => (await configOf({ auths: { 'r.example.com': { auth } } })).find('https://r.example.com')
  assert.deepEqual(await at(base64(long).replace(/.{76}/g, '$&\n')), { kind: 'basic', username: 'alice', password: 'x'.repeat(100) })
  assert.deepEqual(await at(base64('alice:\0\0p\0w\0\0')), { kind: 'basic', username: 'alice', password: 'p\0w' })
})

test('reads DOCKER_AUTH_CONFIG like config.json', async () => {
  const source = parseAuthConfig(JSON.stringify({ auths: { 'r.example.com': { auth: base64('alice:x') } } }))
  assert.equal(source.name, 'DOCKER_AUTH_CONFIG')
  assert.deepEqual(await source.find('https://r.example.com'), { kind: 'basic', username: 'alice', password: 'x' })
  for (const text of [`{"auths": "${canary}`, `["${canary}"]`, canary]) {
    const error = await failureOf(Promise.resolve().then(() => parseAuthConfig(text)))
    assert.match(error.message, /^DOCKER_AUTH_CONFIG: it is not JSON|^DOCKER_AUTH_CONFIG: it is not a JSON object/)
  }
})
