import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { test } from 'node:test'
import fc from 'fast-check'
import { findEngineAddress, formatEngineAddress, type EngineAddress } from '../../src/engine/engine-address.ts'
import { MirrorError } from '../../src/errors.ts'
import { tempDir, type TempDir } from '../servers/temp-dir.ts'

const canary = 'c4nary-p4ssword'

/** The address that `options.dockerHost` with this text means. */
async function parsed(dockerHost: string): Promise<EngineAddress> {
  return (await findEngineAddress({ dockerHost })).address
}

/** The error of a search that must fail, which shows no password. */
async function failureOf(options: Parameters<typeof findEngineAddress>[0]): Promise<MirrorError> {
  const error = await findEngineAddress(options).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof MirrorError, `no MirrorError for ${JSON.stringify(options)}`)
  assert.ok(error.hint)
  assert.doesNotMatch([error.message, error.hint, String(error.cause)].join('\n'), new RegExp(canary))
  return error
}

const folderOf = (name: string): string => createHash('sha256').update(name).digest('hex')

/** Writes a context as `docker context create` does. */
async function writeContext(directory: TempDir, name: string, meta: unknown, pem: Readonly<Record<string, string>> = {}): Promise<void> {
  const folder = folderOf(name)
  await mkdir(`${directory.path}/contexts/meta/${folder}`, { recursive: true })
  await directory.write(`contexts/meta/${folder}/meta.json`, typeof meta === 'string' ? meta : JSON.stringify(meta))
  if (Object.keys(pem).length === 0) return
  await mkdir(`${directory.path}/contexts/tls/${folder}/docker`, { recursive: true })
  for (const [file, text] of Object.entries(pem)) await directory.write(`contexts/tls/${folder}/docker/${file}`, text)
}

const metaOf = (host: string, more: object = {}): object => ({
  Name: 'x',
  Metadata: {},
  Endpoints: { docker: { Host: host, SkipTLSVerify: false, ...more } },
})
const pemOf = (kind: string): string => `-----BEGIN ${kind}-----\nAAAA\n-----END ${kind}-----\n`
const pem = { 'ca.pem': pemOf('CERTIFICATE'), 'cert.pem': pemOf('CERTIFICATE'), 'key.pem': pemOf('PRIVATE KEY') }
const pemTexts = { ca: pem['ca.pem'], cert: pem['cert.pem'], key: pem['key.pem'] }

test('every form that the Docker CLI takes is understood', async () => {
  const forms: readonly (readonly [text: string, address: EngineAddress])[] = [
    ['unix:///run/user/1000/docker.sock', { kind: 'socket', path: '/run/user/1000/docker.sock' }],
    [' unix:///var/run/a b%20.sock\n', { kind: 'socket', path: '/var/run/a b%20.sock' }],
    ['unix://', { kind: 'socket', path: '/var/run/docker.sock' }],
    ['/run/docker.sock', { kind: 'socket', path: '/run/docker.sock' }],
    ['./docker.sock', { kind: 'socket', path: './docker.sock' }],
    ['npipe:////./pipe/docker_engine', { kind: 'socket', path: '//./pipe/docker_engine' }],
    ['npipe://', { kind: 'socket', path: '//./pipe/docker_engine' }],
    ['tcp://engine.example.com', { kind: 'tcp', host: 'engine.example.com', port: 2375 }],
    ['tcp://127.0.0.1:1234/', { kind: 'tcp', host: '127.0.0.1', port: 1234 }],
    ['tcp://[::1]:1234', { kind: 'tcp', host: '::1', port: 1234 }],
    ['tcp://[fe80::1%25eth0]', { kind: 'tcp', host: 'fe80::1%eth0', port: 2375 }],
    ['engine:2376', { kind: 'tcp', host: 'engine', port: 2376 }],
    ['ssh://engine', { kind: 'ssh', host: 'engine' }],
    ['ssh://engine/', { kind: 'ssh', host: 'engine' }],
    ['SSH://alice@engine:2222', { kind: 'ssh', host: 'engine', user: 'alice', port: 2222 }],
    ['ssh://alice@corp@[::1]', { kind: 'ssh', host: '::1', user: 'alice@corp' }],
    ['ssh://corp%5Calice@engine', { kind: 'ssh', host: 'engine', user: 'corp\\alice' }],
    ['ssh://engine/run/my%20docker.sock', { kind: 'ssh', host: 'engine', socketPath: '/run/my docker.sock' }],
  ]
  for (const [text, address] of forms) assert.deepEqual(await parsed(text), address, text)
})

test('rejects an invalid address without printing it', async () => {
  const malformed: readonly (readonly [text: string, why: RegExp])[] = [
    ['', /: it is empty$/],
    ['  ', /: it is empty$/],
    ['http://engine:2375', /: "http" is not one of unix, npipe, tcp and ssh$/],
    ['fd://', /: "fd" is not one of/],
    ['1x://engine', /its scheme is invalid/],
    ['unix://tcp://engine', /its scheme is invalid/],
    ['tcp://', /its host is missing/],
    ['tcp://:2375', /its host is missing/],
    ['tcp://::1', /without brackets/],
    ['tcp://[engine]:1', /neither a name nor an IP address/],
    ['tcp://[::1]x', /host is missing/],
    ['tcp://en gine', /neither a name/],
    ['tcp://engine:', /its port is not a number from 1 to 65535/],
    ['tcp://engine:0', /its port/],
    ['tcp://engine:65536', /its port/],
    ['tcp://engine:1e3', /its port/],
    ['tcp://engine:-1', /its port/],
    ['tcp://engine/v1.41', /tcp addresses have no path/],
    ['tcp://alice@engine', /tcp addresses have no user/],
    ['tcp://engine?x=1', /"\?" or "#"/],
    ['ssh://', /host is missing/],
    ['ssh:///run/docker.sock', /host is missing/],
    ['ssh://engine#x', /"\?" or "#"/],
    ['ssh://engine/a%zz', /"%" that begins no escape/],
    ['ssh://engine/a%00b', /control characters/],
    ['unix:///run/a\u202eb', /control characters/],
  ]
  for (const [text, why] of malformed) {
    const error = await failureOf({ dockerHost: text })
    assert.equal(error.code, 'USAGE', text)
    assert.match(error.message, why, text)
    assert.match(error.message, /^options\.dockerHost contains an invalid Docker Engine address: /)
  }
})

test('a host or user that ssh would take for an option, or a shell for a command, is refused', async () => {
  const texts = [
    'ssh://-oProxyCommand=x',
    'ssh://-oProxyCommand',
    'tcp://-engine',
    'ssh://-l@engine',
    'ssh://%2Dl@engine',
    'ssh://$(shutdown)engine',
    'ssh://`x`',
    "ssh://a'b",
    'ssh://a;b@engine',
    'ssh://a%20b@engine',
    'ssh://a%0Ab@engine',
    'ssh://$(x)@engine',
  ]
  for (const text of texts) assert.equal((await failureOf({ dockerHost: text })).code, 'USAGE', text)
})

test('a password is refused wherever it stands, and never shown', async () => {
  for (const text of [
    `ssh://alice:${canary}@engine`,
    `tcp://alice:${canary}@engine:2376`,
    `alice:${canary}@engine`,
    `ssh://:${canary}@engine`,
    `ssh://alice:${canary}/x@engine`,
    `ssh://alice:x@${canary}@engine`,
    `ssh://alice%3A${canary}@engine`,
    `ssh://engine:${canary}`,
    `http://alice:${canary}@engine`,
    `tcp://engine?token=${canary}`,
  ]) {
    assert.equal((await failureOf({ dockerHost: text })).code, 'USAGE', text)
    assert.equal((await failureOf({ environment: { DOCKER_HOST: text } })).code, 'USAGE', text)
  }
  assert.match((await failureOf({ dockerHost: `ssh://a:${canary}@engine` })).message, /: it contains a password$/)
})

test('options.dockerHost goes before DOCKER_HOST, DOCKER_CONTEXT, the current context and the default', async () => {
  await using directory = await tempDir()
  const dockerConfig = directory.path
  await writeContext(directory, 'named', metaOf('unix:///named'))
  await writeContext(directory, 'current', metaOf('unix:///current'))
  await directory.write('config.json', JSON.stringify({ auths: {}, currentContext: 'current' }))
  const environment = { DOCKER_HOST: 'unix:///environment', DOCKER_CONTEXT: 'named' }
  const where = async (options: Parameters<typeof findEngineAddress>[0]): Promise<string> => {
    const { address, from } = await findEngineAddress(options)
    return `${from}: ${formatEngineAddress(address)}`
  }
  assert.equal(await where({ dockerHost: 'unix:///option', environment, dockerConfig }), 'options.dockerHost: unix:///option')
  assert.equal(await where({ environment, dockerConfig }), 'DOCKER_HOST: unix:///environment')
  assert.equal(await where({ environment: { ...environment, DOCKER_HOST: '' }, dockerConfig }), 'the context "named": unix:///named')
  assert.equal(await where({ dockerConfig, environment: { DOCKER_CONTEXT: '' } }), 'the context "current": unix:///current')
  const byDefault = 'the default: unix:///var/run/docker.sock'
  assert.equal(await where({ dockerConfig, environment: { DOCKER_CONTEXT: 'default' } }), byDefault)
  assert.equal(await where({ dockerConfig: `${dockerConfig}/none` }), byDefault)
  assert.equal(await where({}), byDefault)
  await directory.write('config.json', JSON.stringify({ currentContext: '' }))
  assert.equal(await where({ dockerConfig }), byDefault)
})

test('a context brings its TLS', async () => {
  await using directory = await tempDir()
  const addressOf = async (name: string) =>
    (await findEngineAddress({ dockerConfig: directory.path, environment: { DOCKER_CONTEXT: name, DOCKER_TLS_VERIFY: '1' } })).address
  const tcp = { kind: 'tcp', host: 'engine' }
  await writeContext(directory, 'secured', metaOf('tcp://engine'), pem)
  assert.deepEqual(await addressOf('secured'), { ...tcp, port: 2376, tls: { ...pemTexts, verify: true } })
  await writeContext(directory, 'ca-only', metaOf('tcp://engine:1'), { 'ca.pem': pem['ca.pem'] })
  assert.deepEqual(await addressOf('ca-only'), { ...tcp, port: 1, tls: { ca: pemTexts.ca, verify: true } })
  await writeContext(directory, 'unchecked', metaOf('tcp://engine', { SkipTLSVerify: true }))
  assert.deepEqual(await addressOf('unchecked'), { ...tcp, port: 2376, tls: { verify: false } })
  await writeContext(directory, 'plain', metaOf('tcp://engine', { SkipTLSVerify: undefined }))
  assert.deepEqual(await addressOf('plain'), { ...tcp, port: 2375 })
  await writeContext(directory, 'ssh', metaOf('ssh://alice@engine'), pem)
  assert.deepEqual(await addressOf('ssh'), { kind: 'ssh', host: 'engine', user: 'alice' })
})

test('a context that is missing or makes no sense is named, never quoted', async () => {
  await using directory = await tempDir()
  const failure = async (name: string) => {
    const error = await failureOf({ dockerConfig: directory.path, environment: { DOCKER_CONTEXT: name } })
    assert.equal(error.code, 'INVALID_CONFIG')
    return error.message
  }
  assert.match(await failure('absent'), /^the context "absent" does not exist in /)
  assert.match(await failure('../\u001b[31m'), /^the context "\.\.\/\\u\{1b\}\[31m" does not exist/)
  for (const [meta, why] of [
    [`{"Endpoints": ${canary}`, /meta\.json: it is not JSON$/],
    [[canary], /meta\.json: it is not a JSON object$/],
    [{}, /the context "x" has no Docker endpoint$/],
    [{ Endpoints: { kubernetes: {} } }, /has no Docker endpoint$/],
    [{ Endpoints: { docker: canary } }, /has no Docker endpoint$/],
    [metaOf(''), /its "Host" is not the address of an Engine$/],
    [metaOf('unix:///a', { Host: 5 }), /its "Host" is not the address/],
    [metaOf('tcp://a', { SkipTLSVerify: canary }), /"SkipTLSVerify" is neither true nor false$/],
    [metaOf(`ssh://a:${canary}@engine`), /^the context "x" contains an invalid Docker Engine address: it contains a password$/],
  ] as const) {
    await writeContext(directory, 'x', meta)
    assert.match(await failure('x'), why)
  }
  await mkdir(`${directory.path}/contexts/meta/${folderOf('folder')}/meta.json`, { recursive: true })
  assert.match(await failure('folder'), /meta\.json: illegal operation on a directory$/)
  const unset = await failureOf({ environment: { DOCKER_CONTEXT: 'x' } })
  assert.match(unset.message, /the context "x" cannot be looked up/)
})

test('a config.json that makes no sense is named, never quoted', async () => {
  await using directory = await tempDir()
  for (const [content, why] of [
    [`{"auths": ${canary}}`, /config\.json: it is not JSON$/],
    [`"${canary}"`, /config\.json: it is not a JSON object$/],
    [`{"currentContext": ["${canary}"]}`, /its "currentContext" is not a string$/],
  ] as const) {
    await directory.write('config.json', content)
    const error = await failureOf({ dockerConfig: directory.path })
    assert.equal(error.code, 'INVALID_CONFIG')
    assert.match(error.message, why)
    // it is not looked at where something else decides
    await findEngineAddress({ dockerConfig: directory.path, environment: { DOCKER_HOST: 'unix:///a' } })
  }
})

test('DOCKER_TLS_VERIFY and DOCKER_TLS ask for TLS over tcp, with the files of DOCKER_CERT_PATH', async () => {
  await using directory = await tempDir()
  for (const [file, text] of Object.entries(pem)) await directory.write(file, text)
  const addressOf = async (environment: Record<string, string>, dockerConfig?: string) =>
    (await findEngineAddress({ environment, dockerConfig })).address
  const host = { DOCKER_HOST: 'tcp://engine' }
  const secured = { kind: 'tcp', host: 'engine', port: 2376, tls: { ...pemTexts, verify: true } }
  assert.deepEqual(await addressOf({ ...host, DOCKER_TLS_VERIFY: '0', DOCKER_CERT_PATH: directory.path }, '/none'), secured)
  assert.deepEqual(await addressOf({ ...host, DOCKER_TLS_VERIFY: '1' }, directory.path), secured)
  assert.deepEqual(await addressOf({ ...host, DOCKER_TLS: '1' }, directory.path), { ...secured, tls: { ...pemTexts, verify: false } })
  assert.deepEqual(await addressOf({ ...host, DOCKER_TLS_VERIFY: '', DOCKER_CERT_PATH: directory.path }), {
    kind: 'tcp',
    host: 'engine',
    port: 2375,
  })
  assert.deepEqual(await addressOf({ DOCKER_TLS_VERIFY: '1' }, directory.path), { ...secured, host: 'localhost' })
  assert.deepEqual(await addressOf({ DOCKER_HOST: 'unix:///a', DOCKER_TLS_VERIFY: '1' }, '/none'), { kind: 'socket', path: '/a' })
})

test('TLS files that cannot be used are named, never quoted', async () => {
  const failure = async (files: Readonly<Record<string, string>>) => {
    await using directory = await tempDir()
    for (const [file, text] of Object.entries(files)) await directory.write(file, text)
    const error = await failureOf({
      environment: { DOCKER_HOST: 'tcp://engine', DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: directory.path },
    })
    assert.equal(error.code, 'INVALID_CONFIG')
    return error.message
  }
  assert.match(await failure({}), /ca\.pem is missing, but TLS is enabled$/)
  assert.match(await failure({ ...pem, 'ca.pem': canary }), /ca\.pem is not a PEM file$/)
  assert.match(await failure({ 'ca.pem': pem['ca.pem'], 'key.pem': pem['key.pem'] }), /cert\.pem is missing, but key\.pem exists$/)
  assert.match(await failure({ 'ca.pem': pem['ca.pem'], 'cert.pem': pem['cert.pem'] }), /key\.pem is missing, but cert\.pem exists$/)
  assert.match(await failure({ ...pem, 'key.pem': pemOf('ENCRYPTED PRIVATE KEY') }), /key\.pem is encrypted$/)
  await using directory = await tempDir()
  await mkdir(`${directory.path}/ca.pem`)
  const environment = { DOCKER_HOST: 'tcp://engine', DOCKER_TLS_VERIFY: '1' }
  assert.match((await failureOf({ environment, dockerConfig: directory.path })).message, /ca\.pem: illegal operation on a directory$/)
  assert.match((await failureOf({ environment })).message, /DOCKER_CERT_PATH is not$/)
})

const host = fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6(), fc.constantFrom('engine', 'my_host', 'fe80::1%eth0', 'bücher.example'))
const port = fc.integer({ min: 1, max: 65535 })
const path = fc
  .array(fc.string({ minLength: 1, unit: 'grapheme' }), { minLength: 1 })
  .map((names) => `/${names.join('/')}`)
  .filter((path) => path.trim() === path && !path.includes('://') && !/^\/*$/.test(path) && !/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u.test(path))
const addresses: fc.Arbitrary<EngineAddress> = fc.oneof(
  fc.record({ kind: fc.constant('socket' as const), path: fc.oneof(path, fc.constant('//./pipe/docker_engine')) }),
  fc.record({ kind: fc.constant('tcp' as const), host, port }),
  fc.record(
    {
      kind: fc.constant('ssh' as const),
      host,
      port,
      user: fc.constantFrom('alice', 'a.b', 'corp\\alice', 'a@b', 'jürgen'),
      socketPath: path,
    },
    { requiredKeys: ['kind', 'host'] },
  ),
)

test('what is formatted means the same address again', async () => {
  await fc.assert(
    fc.asyncProperty(addresses, async (address) => {
      assert.deepEqual(await parsed(formatEngineAddress(address)), { ...address })
    }),
  )
})

test('any text is an address that is formatted in plain characters, or a MirrorError', async () => {
  const part = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('unix', 'tcp', 'ssh', '://', ':', '@', '[', ']', '%', '/', '-', '::1', '22'),
  )
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.array(part).map((parts) => parts.join('')),
        fc.webUrl(),
      ),
      async (text) => {
        try {
          const address = await parsed(text)
          const shown = formatEngineAddress(address)
          assert.doesNotMatch(shown, /[\p{Cc}\p{Cf}\p{Cs}]/u)
          assert.deepEqual(await parsed(shown), address)
          if (address.kind === 'ssh') for (const word of [address.host, address.user ?? '']) assert.doesNotMatch(word, /^-|[\s'"`$;&|<>()]/)
        } catch (error) {
          assert.ok(error instanceof MirrorError && error.code === 'USAGE', String(error))
        }
      },
    ),
    { numRuns: 1000 },
  )
})

test('an address that was made by hand is shown without control characters', () => {
  assert.equal(formatEngineAddress({ kind: 'socket', path: '/a\u001b[31m\u202e' }), 'unix:///a\\u{1b}[31m\\u{202e}')
  assert.equal(formatEngineAddress({ kind: 'socket', path: '\\\\.\\pipe\\x' }), 'npipe://\\\\.\\pipe\\x')
  const tls = { key: canary, verify: true }
  assert.equal(formatEngineAddress({ kind: 'tcp', host: '::1', port: 2376, tls }), 'tcp://[::1]:2376')
  assert.equal(formatEngineAddress({ kind: 'tcp', host: 'fe80::1%eth0', port: 2375 }), 'tcp://[fe80::1%25eth0]:2375')
  assert.equal(
    formatEngineAddress({ kind: 'ssh', host: 'h\u0007', user: 'a:b', port: 22, socketPath: '/a b' }),
    'ssh://a%3Ab@h\\u{7}:22/a%20b',
  )
})
