import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tempDir } from '../servers/temp-dir.ts'
import { basicGate, oneImage } from './one-image.ts'

/** A key file as Google Cloud hands it out: the password of `_json_key` is all of it. */
const keyFile = `${JSON.stringify({ type: 'service_account', private_key: '-----BEGIN KEY-----\nc4nary\n-----END KEY-----\n' }, null, 2)}\n`
const google = `_json_key:${keyFile}`
const base64 = (text: string): string => Buffer.from(text).toString('base64')

test('logs in with the key file of Google, from wherever it comes', async (t) => {
  await using directory = await tempDir()
  const yaml = (auth: object): Promise<string> =>
    directory.write('registries.yaml', JSON.stringify({ configs: { [destinationHost]: { auth } } }))
  const config = (auth: string): Promise<string> =>
    directory.write('config.json', JSON.stringify({ auths: { [destinationHost]: { auth } } }))
  let destinationHost = ''
  const places: Readonly<Record<string, () => Promise<{ readonly more?: string[]; readonly env?: Record<string, string> }>>> = {
    'config.json': async () => (await config(base64(google)), { env: { DOCKER_CONFIG: directory.path } }),
    'config.json with line breaks in the base64': async () => {
      await config(base64(google).replace(/.{76}/g, '$&\n'))
      return { env: { DOCKER_CONFIG: directory.path } }
    },
    'config.json with NUL padding': async () => (await config(base64(`${google}\0\0`)), { env: { DOCKER_CONFIG: directory.path } }),
    'registries.yaml': async () => ({ more: ['--registries', await yaml({ username: '_json_key', password: keyFile })] }),
    'auth in registries.yaml': async () => ({ more: ['--registries', await yaml({ auth: base64(google) })] }),
    K3S_MIRROR_PASSWORD: async () => ({ env: { K3S_MIRROR_USERNAME: '_json_key', K3S_MIRROR_PASSWORD: keyFile } }),
    DOCKER_AUTH_CONFIG: async () => ({
      env: { DOCKER_AUTH_CONFIG: JSON.stringify({ auths: { [destinationHost]: { auth: base64(google) } } }) },
    }),
  }
  for (const [name, place] of Object.entries(places)) {
    await t.test(name, async () => {
      await using at = await oneImage({ destination: basicGate(google) })
      destinationHost = at.destination.host
      const { more, env = {} } = await place()
      const { status, stdout, stderr } = await at.run(more, { env })
      assert.equal(status, 0, stderr)
      assert.ok(at.isMirrored())
      assert.equal(stderr.match(/warning: the password for \S+ in .* ends with a line break/g)?.length, 1, stderr)
      assert.doesNotMatch(stdout + stderr, /c4nary/)
    })
  }
})

test('logs in where /v2/ refuses everybody and the repositories do not', async () => {
  await using at = await oneImage({
    destination: ({ kind, ...request }, response) => {
      if (kind !== 'ping') return basicGate('robot:s3cret')({ kind, ...request }, response)
      response.writeHead(401, { 'www-authenticate': 'Basic realm="root"' }).end()
      return true
    },
  })
  const { status, stderr } = await at.run([], { env: { K3S_MIRROR_USERNAME: 'robot', K3S_MIRROR_PASSWORD: 's3cret' } })
  assert.equal(status, 0, stderr)
  assert.ok(at.isMirrored())
})

for (const hidden of [400, 403, 404]) {
  test(`logs in where repositories are answered ${hidden} to everybody else, and only /v2/ has a challenge`, async () => {
    const gate = basicGate('robot:s3cret')
    await using at = await oneImage({
      destination: (request, response) => {
        if (request.kind === 'ping' || request.headers.authorization !== undefined) return gate(request, response)
        response.writeHead(hidden, { 'content-type': 'application/json' }).end('{}')
        return true
      },
    })
    const { status, stderr } = await at.run([], { env: { K3S_MIRROR_USERNAME: 'robot', K3S_MIRROR_PASSWORD: 's3cret' } })
    assert.equal(status, 0, stderr)
    assert.ok(at.isMirrored())
    assert.equal(at.destination.count('ping'), 1)
  })
}

test('sends a wrong password to a destination once, and to a source twice, however many images there are', async () => {
  const names = Array.from({ length: 12 }, (_, n) => `docker.io/acme/app${n}:1`)
  for (const [side, most] of [
    ['destination', 1],
    ['source', 2],
  ] as const) {
    await using at = await oneImage({ [side]: basicGate('robot:s3cret') })
    const { host, requests } = at[side]
    const { status, stderr } = await at.run(['--images', '-'], {
      stdin: names.join('\n'),
      env: { DOCKER_AUTH_CONFIG: JSON.stringify({ auths: { [host]: { auth: base64('robot:wrong') } } }) },
    })
    assert.equal(status, 6, stderr)
    assert.equal(stderr.match(/refused the credentials sent as user "robot"/g)?.length, 1, stderr)
    assert.equal(requests.filter(({ headers }) => headers.authorization !== undefined).length, most)
  }
})

test('takes the credentials of the longest path that a key has, and sends each to its own repositories', async () => {
  await using at = await oneImage({
    source: (request, response) => basicGate(request.path.includes('/acme/') ? 'acme:a' : 'other:b')(request, response),
  })
  at.source.hold('other/app', '1', at.image)
  const { host } = at.source
  const auths = {
    [host]: { auth: base64('other:b') },
    [`${host}/acme`]: { auth: base64('acme:a') },
    [`${host}/acme/app/deeper`]: { auth: base64('deeper:c') },
    [`${host}/ac`]: { auth: base64('half:d') },
  }
  await using directory = await tempDir()
  await directory.write('config.json', JSON.stringify({ auths }))
  for (const env of [{ DOCKER_CONFIG: directory.path }, { DOCKER_AUTH_CONFIG: JSON.stringify({ auths }) }]) {
    at.destination.manifests.clear()
    const { status, stderr } = await at.run(['docker.io/other/app:1'], { env })
    assert.equal(status, 0, stderr)
    assert.ok(at.isMirrored())
  }
})

test('prefers DOCKER_AUTH_CONFIG to config.json, and falls back to it', async () => {
  await using at = await oneImage({ source: basicGate('source:a'), destination: basicGate('destination:b') })
  await using directory = await tempDir()
  const entry = (credentials: string): object => ({ auth: base64(credentials) })
  await directory.write(
    'config.json',
    JSON.stringify({ auths: { [at.source.host]: entry('source:a'), [at.destination.host]: entry('destination:wrong') } }),
  )
  const variable = JSON.stringify({ auths: { [at.destination.host]: entry('destination:b') } })
  const { status, stderr } = await at.run([], { env: { DOCKER_CONFIG: directory.path, DOCKER_AUTH_CONFIG: variable } })
  assert.equal(status, 0, stderr)
  const broken = await at.run([], { env: { DOCKER_AUTH_CONFIG: '{"auths":{"x":"c4nary' } })
  assert.equal(broken.status, 2)
  assert.match(broken.stderr, /DOCKER_AUTH_CONFIG: it is not JSON/)
  assert.match(broken.stderr, /hint: set DOCKER_AUTH_CONFIG to the text of a config\.json, not to its path/)
  assert.doesNotMatch(broken.stderr, /c4nary/)
})

test('takes the logins of podman and skopeo', async () => {
  await using at = await oneImage({ destination: basicGate('robot:s3cret') })
  await using directory = await tempDir()
  const file = await directory.write('auth.json', JSON.stringify({ auths: { [at.destination.host]: { auth: base64('robot:s3cret') } } }))
  const { status, stderr } = await at.run([], { env: { REGISTRY_AUTH_FILE: file } })
  assert.equal(status, 0, stderr)
})

test('refuses what is not a host, and hosts that are never asked', async () => {
  await using at = await oneImage()
  for (const [option, value, why] of [
    ['--storage-host', 'http://10.1.2.3:9000', /expected host or host:port without a scheme/],
    ['--storage-host', '169.254.169.254', /are refused/],
    ['--token-host', 'https://auth.example.com/token', /expected host or host:port without a scheme/],
    ['--token-host', 'not a host!', /host:port/],
  ] as const) {
    const { status, stderr } = await at.run([option, value])
    assert.equal(status, 2)
    assert.match(stderr, why)
  }
})
