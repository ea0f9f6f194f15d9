import assert from 'node:assert/strict'
import { chmod } from 'node:fs/promises'
import { test } from 'node:test'
import fc from 'fast-check'
import { MirrorError } from '../../src/errors.ts'
import { readRegistriesConfigs, type RegistriesConfigs } from '../../src/registries-yaml/read-configs.ts'
import { tempDir } from '../servers/temp-dir.ts'

const canary = 'c4nary-p4ssword'
const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64')

async function read(text: string): Promise<RegistriesConfigs> {
  await using directory = await tempDir()
  return await readRegistriesConfigs(await directory.write('registries.yaml', text))
}

/** The message of an INVALID_CONFIG, with the file's directory cut off, once it is sure that it quotes no secret. */
async function refusal(text: string): Promise<string> {
  const error = await read(text).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof MirrorError && error.code === 'INVALID_CONFIG', String(error))
  for (const secret of [canary, base64(canary)])
    assert.ok(![error.message, error.hint, String(error.cause), error.stack].join().includes(secret), 'the secret is shown')
  return error.message.replace(/^.*\//, '')
}

/** What `auth:` with these lines gives. */
async function auth(...lines: readonly string[]) {
  const text = `configs:\n  r.example.com:\n    auth:\n${lines.map((line) => `      ${line}\n`).join('')}`
  return (await read(text)).credentialsFor('https://r.example.com')
}

test('credentials are user and password, identity token or auth, in that order of precedence', async () => {
  const basic = { kind: 'basic', username: 'u', password: 'p' }
  assert.deepEqual(await auth('username: u', 'password: p'), basic)
  assert.deepEqual(await auth(`auth: ${base64('u:p')}`), basic)
  assert.deepEqual(await auth('auth: |', `  ${base64('u:p')}`), basic)
  assert.deepEqual(await auth('identity_token: it'), { kind: 'identity-token', token: 'it' })
  assert.deepEqual(await auth('username: u', 'password: p', 'identity_token: it', 'auth: nonsense'), basic)
  assert.deepEqual(await auth('identity_token: it', `auth: ${base64('u:p')}`), { kind: 'identity-token', token: 'it' })
  assert.equal(await auth('token: t'), undefined)
  assert.equal(await auth('username: ~', 'password:'), undefined)
  assert.deepEqual(await auth(`auth: ${base64('jürgen:a:b')}`), { kind: 'basic', username: 'jürgen', password: 'a:b' })
})

test('strings keep their source text, as K3s reads them', async () => {
  for (const [written, meant] of [
    ['0123', '0123'],
    ['yes', 'yes'],
    ['1e3', '1e3'],
    ['2001-01-01', '2001-01-01'],
    ['0x1F', '0x1F'],
    ['true', 'true'],
    ['"~"', '~'],
    ["'a: b'", 'a: b'],
    ['!!str 12', '12'],
    ['1_000', '1_000'],
  ] as const) {
    assert.deepEqual(await auth('username: u', `password: ${written}`), { kind: 'basic', username: 'u', password: meant })
  }
})

// C42
test('a host is found by its origin, with or without the default port, and by any name of Docker Hub', async () => {
  const at = async (key: string, origin: string) =>
    (await read(`configs:\n  "${key}":\n    auth: {username: u, password: p}\n`)).credentialsFor(origin) !== undefined
  for (const [key, origin] of [
    ['r.example.com', 'https://r.example.com'],
    ['r.example.com', 'http://r.example.com'],
    ['r.example.com:443', 'https://r.example.com'],
    ['R.example.com:5000', 'https://r.example.com:5000'],
    ['r.example.com:5000', 'http://r.example.com:5000'],
    ['docker.io', 'https://registry-1.docker.io'],
    ['registry-1.docker.io', 'https://registry-1.docker.io'],
    ['index.docker.io', 'https://registry-1.docker.io'],
  ] as const)
    assert.equal(await at(key, origin), true, `${key} ${origin}`)
  for (const [key, origin] of [
    ['r.example.com', 'https://r.example.com:5000'],
    ['r.example.com:443', 'http://r.example.com'],
    ['r.example.com:5000', 'https://r.example.com'],
    ['example.com', 'https://r.example.com'],
    ['https://r.example.com', 'https://r.example.com'],
    ['docker.io', 'https://mirror.example.com'],
  ] as const)
    assert.equal(await at(key, origin), false, `${key} ${origin}`)
})

test('the key that K3s would use wins over another one for the same origin', async () => {
  const configs = await read(
    'configs:\n  docker.io: {auth: {username: a, password: x}}\n  registry-1.docker.io: {auth: {username: b, password: x}}\n  "r:443": {auth: {username: c, password: x}}\n  r: {auth: {username: d, password: x}}\n',
  )
  const user = (origin: string) => JSON.stringify(configs.credentialsFor(origin))
  assert.match(user('https://registry-1.docker.io'), /"b"/)
  assert.match(user('https://r'), /"d"/)
})

// C40
test('the key "*" applies to no host', async () => {
  const configs = await read('configs:\n  "*":\n    auth: {username: u, password: p}\n    tls: {insecure_skip_verify: true}\n')
  assert.equal(configs.credentialsFor('https://r.example.com'), undefined)
  assert.equal(configs.tlsFor('https://r.example.com'), undefined)
})

test('anchors, merge keys, a byte order mark, CRLF, more documents and unknown keys are read as in K3s', async () => {
  const configs = await read(
    '\uFEFFx: &a\r\n  auth: {username: u, password: p}\r\nmirrors: {r: {endpoint: [x]}}\r\nconfigs:\r\n  a:\r\n    <<: *a\r\n    other: 1\r\n  b: *a\r\n  c:\r\n---\r\nconfigs: {d: {auth: {username: u}}}\r\n',
  )
  assert.ok(configs.credentialsFor('https://a'))
  assert.ok(configs.credentialsFor('https://b'))
  assert.equal(configs.credentialsFor('https://c'), undefined)
  assert.equal(configs.credentialsFor('https://d'), undefined)
  for (const empty of ['', '# nothing\n', '{}', 'configs:\n', 'configs: ~\n']) assert.deepEqual((await read(empty)).warnings, [])
})

// C30, C31
test('an error about invalid YAML has the position and not the text', async () => {
  assert.equal(await refusal(`configs:\n\tr: ${canary}\n`), 'registries.yaml:2:1: invalid YAML: tab in the indentation')
  assert.match(await refusal(`configs:\n  *:\n    auth: {password: ${canary}}\n`), /^registries\.yaml:\d+:\d+: invalid YAML/)
  assert.match(await refusal(`password: "${canary}\n`), /^registries\.yaml:2:1: invalid YAML: missing character/)
  assert.match(await refusal(`a: *${canary}\n`), /^registries\.yaml:1:4: invalid YAML: "\*" without quotes/)
  assert.match(await refusal('[\n'.repeat(20_000)), /invalid YAML/)
  assert.match(await refusal(`# ${'x'.repeat(300_000)}`), /larger than 256 KiB/)
})

test('an error about a wrong type has the position', async () => {
  assert.equal(await refusal('- configs\n'), 'registries.yaml:1:1: must be a mapping, not a list')
  assert.equal(await refusal(`configs:\n  - ${canary}\n`), 'registries.yaml:2:3: configs: must be a mapping, not a list')
  assert.equal(await refusal(`configs:\n  r: ${canary}\n`), 'registries.yaml:2:6: configs.r: must be a mapping, not a single value')
  assert.equal(
    await refusal(`configs:\n  "r:5":\n    auth: {username: u, password: [${canary}]}\n`),
    'registries.yaml:3:35: configs."r:5".auth.password: must be a string, not a list',
  )
  assert.equal(
    await refusal('configs: {r: {tls: {insecure_skip_verify: "true"}}}'),
    'registries.yaml:1:43: configs.r.tls.insecure_skip_verify: must be true or false, not a quoted string',
  )
})

// C38
test('an auth that is not base64, or without a colon, is rejected and not printed', async () => {
  for (const value of [canary, base64(canary), `${base64('u:p')}!`, 'dTpw=x', Buffer.from([0xff, 0x3a]).toString('base64')]) {
    assert.equal(
      await refusal(`configs:\n  r:\n    auth:\n      auth: ${value}\n`),
      'registries.yaml:4:7: configs.r.auth.auth: not the base64 of username:password',
    )
  }
})

// C43
test('passwords in a file that every user can read are a warning', async () => {
  await using directory = await tempDir()
  const path = await directory.write('registries.yaml', 'configs: {r: {auth: {username: u, password: p}}}')
  assert.deepEqual((await readRegistriesConfigs(path)).warnings, [])
  await chmod(path, 0o644)
  const { warnings } = await readRegistriesConfigs(path)
  assert.deepEqual(warnings, [`every user can read the credentials in ${path}: run chmod 600 ${path}`])
  const open = await directory.write('open.yaml', 'configs: {r: {tls: {insecure_skip_verify: yes}}}')
  await chmod(open, 0o644)
  assert.deepEqual((await readRegistriesConfigs(open)).warnings, [])
})

test('an unreadable file is rejected', async () => {
  await using directory = await tempDir()
  await assert.rejects(readRegistriesConfigs(`${directory.path}/none.yaml`), { code: 'INVALID_CONFIG', message: /no such file/ })
  await assert.rejects(readRegistriesConfigs(directory.path), { code: 'INVALID_CONFIG', message: /not a regular file|EISDIR/ })
  await assert.rejects(readRegistriesConfigs('/dev/zero'), { code: 'INVALID_CONFIG', message: /not a regular file/ })
})

test('any text is read or rejected with INVALID_CONFIG', async () => {
  await using directory = await tempDir()
  const line = fc.constantFrom(
    'configs:',
    '  r:',
    '    auth:',
    '      username: u',
    '    tls:',
    '      ca_file: /none',
    '  - x',
    '<<: *a',
    'x: &a',
    '\t',
    '"',
    '---',
    '? [a]',
    '{',
    '}',
    '!!binary x',
    '%YAML 1.3',
    '  "*": {}',
  )
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.string(),
        fc.array(line).map((lines) => lines.join('\n')),
      ),
      async (text) => {
        try {
          await readRegistriesConfigs(await directory.write('r.yaml', text))
        } catch (error) {
          assert.ok(error instanceof MirrorError && error.code === 'INVALID_CONFIG', String(error))
        }
      },
    ),
    { numRuns: 200 },
  )
})
