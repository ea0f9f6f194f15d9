import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { existsSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { test } from 'node:test'
import { writeLines } from './engine-answers.ts'
import { startScriptedEngine, type ScriptedEngine } from './scripted-engine.ts'
import { socketRequest } from './socket-request.ts'

const auth = { 'x-registry-auth': Buffer.from('{}').toString('base64url') }

interface Answer {
  readonly status: number
  /** The lines of a stream, or the one document. */
  readonly lines: readonly Record<string, unknown>[]
}

async function ask(engine: ScriptedEngine, method: string, path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const { status, body } = await socketRequest(engine.socket, path, { method, headers })
  const lines = body.toString().split('\r\n').filter(Boolean)
  return { status, lines: lines.map((line) => JSON.parse(line) as Record<string, unknown>) }
}

const message = ({ status, lines }: Answer): unknown => [status, lines[0]?.['message']]

test('reports its version, with and without a version in the path', async () => {
  let socket: string
  {
    await using engine = await startScriptedEngine()
    socket = engine.socket
    for (const method of ['HEAD', 'GET']) {
      const { headers, body } = await socketRequest(socket, '/_ping', { method })
      assert.equal(headers['api-version'], '1.41')
      assert.equal(body.toString(), method === 'HEAD' ? '' : 'OK')
    }
    const [version] = (await ask(engine, 'GET', '/v1.41/version')).lines
    assert.deepEqual([version?.['ApiVersion'], version?.['MinAPIVersion']], ['1.41', '1.12'])
    assert.equal((await ask(engine, 'GET', '/info')).lines[0]?.['Driver'], 'overlay2')
    assert.deepEqual(message(await ask(engine, 'GET', '/v1.42/info')), [
      400,
      'client version 1.42 is too new. Maximum supported API version is 1.41',
    ])
    assert.deepEqual(message(await ask(engine, 'GET', '/v1.41/distribution/x:1/json')), [404, 'page not found'])
    assert.deepEqual(
      engine.requests.map(({ call, version }) => [call, version]),
      [
        ['ping', undefined],
        ['ping', undefined],
        ['version', '1.41'],
        ['info', undefined],
        ['info', '1.42'],
        ['distribution', '1.41'],
      ],
    )
  }
  assert.equal(existsSync(socket), false)
})

test('a containerd store shows in /info and in what a push reports', async () => {
  await using engine = await startScriptedEngine({ store: 'containerd', images: { 'x:1': {} } })
  assert.deepEqual((await ask(engine, 'GET', '/info')).lines[0]?.['DriverStatus'], [['driver-type', 'io.containerd.snapshotter.v1']])
  const { lines } = await ask(engine, 'POST', '/images/x/push?tag=1', auth)
  assert.match(String(lines.at(-1)?.['status']), /^1: digest: sha256:[0-9a-f]{64} size: 528$/)
})

test('an image is pulled, tagged, pushed and removed', async () => {
  const digest = `sha256:${'d'.repeat(64)}`
  const pushes: unknown[] = []
  await using engine = await startScriptedEngine({
    platforms: { 'docker.io/rancher/x:1': [{ os: 'linux', architecture: 'arm64' }] },
    onPush({ repository, tag, platform, image }) {
      pushes.push([repository, tag, platform, image.Architecture])
      return digest
    },
  })
  const [distribution] = (await ask(engine, 'GET', '/distribution/rancher%2Fx:1/json')).lines
  const source = (distribution as { Descriptor?: { digest: string } } | undefined)?.Descriptor?.digest
  const pull = '/v1.41/images/create?fromImage=docker.io%2Francher%2Fx&tag=1&platform=linux%2Farm64'
  const pulled = await ask(engine, 'POST', pull, auth)
  assert.deepEqual(pulled.lines.slice(-2), [{ status: `Digest: ${source}` }, { status: 'Status: Downloaded newer image for rancher/x:1' }])
  assert.deepEqual((await ask(engine, 'POST', pull)).lines.at(-1), { status: 'Status: Image is up to date for rancher/x:1' })
  assert.equal((await ask(engine, 'POST', '/images/rancher/x:1/tag?repo=127.0.0.1:5000/x&tag=1')).status, 201)
  const platform = '{"os":"linux","architecture":"arm64"}'
  const pushed = await ask(engine, 'POST', `/images/127.0.0.1:5000/x/push?tag=1&platform=${encodeURIComponent(platform)}`, auth)
  assert.deepEqual(pushes, [['127.0.0.1:5000/x', '1', platform, 'arm64']])
  assert.deepEqual(pushed.lines.slice(-2), [
    { status: `1: digest: ${digest} size: 528` },
    { progressDetail: {}, aux: { Tag: '1', Digest: digest, Size: 528 } },
  ])
  const [image] = (await ask(engine, 'GET', '/images/rancher/x:1/json')).lines
  assert.deepEqual(image?.['RepoTags'], ['127.0.0.1:5000/x:1', 'rancher/x:1'])
  assert.deepEqual(image['RepoDigests'], [`127.0.0.1:5000/x@${digest}`, `rancher/x@${source}`])
  assert.match(String(message(await ask(engine, 'DELETE', `/images/${String(image['Id'])}`))), /^409,.*referenced in multiple repositories/)
  const remove = async (name: string): Promise<unknown> =>
    (await socketRequest(engine.socket, `/images/${name}`, { method: 'DELETE' })).body.toString()
  assert.equal(
    await remove('127.0.0.1:5000/x:1'),
    JSON.stringify([{ Untagged: '127.0.0.1:5000/x:1' }, { Untagged: `127.0.0.1:5000/x@${digest}` }]),
  )
  assert.match(String(await remove('rancher/x:1')), /"Deleted":"sha256:/)
  assert.deepEqual(engine.images(), [])
  assert.deepEqual(message(await ask(engine, 'DELETE', '/images/rancher/x:1')), [404, 'No such image: rancher/x:1'])
  const first = engine.requests.find(({ call }) => call === 'pull')
  assert.equal(first?.registryAuth, auth['x-registry-auth'])
  assert.deepEqual(first.query, { fromImage: 'docker.io/rancher/x', tag: '1', platform: 'linux/arm64' })
})

test('a pull moves a tag, and one by digest gives none', async () => {
  await using engine = await startScriptedEngine({ containers: { 'x:1': 'c'.repeat(64) } })
  const digest = `sha256:${'e'.repeat(64)}`
  await ask(engine, 'POST', '/images/create?fromImage=x&tag=1&platform=linux/amd64')
  await ask(engine, 'POST', '/images/create?fromImage=x&tag=1&platform=linux/arm/v7')
  assert.deepEqual(
    engine.images().map(({ Architecture, Variant, RepoTags }) => [Architecture, Variant, RepoTags]),
    [
      ['amd64', undefined, []],
      ['arm', 'v7', ['x:1']],
    ],
  )
  assert.match(String(message(await ask(engine, 'DELETE', '/images/x:1'))), /409,.*container c{12} is using/)
  await ask(engine, 'POST', `/images/create?fromImage=y&tag=${digest}`)
  const list = JSON.parse((await socketRequest(engine.socket, '/images/json?all=1')).body.toString()) as { RepoDigests: string[] }[]
  assert.deepEqual(list.at(-1), { ...list.at(-1), RepoTags: null, RepoDigests: [`y@${digest}`] })
})

test('reports failed pulls and pushes as Docker does', async () => {
  await using engine = await startScriptedEngine({
    images: { 'x:1': {} },
    onPull: () => undefined,
    onPush: () => Promise.reject(new Error('denied: requested access to the resource is denied')),
  })
  assert.deepEqual(message(await ask(engine, 'POST', '/images/create?fromImage=x&tag=2')), [
    404,
    'manifest for x:2 not found: manifest unknown: manifest unknown',
  ])
  const denied = await ask(engine, 'POST', '/images/x/push?tag=1', auth)
  const words = 'denied: requested access to the resource is denied'
  assert.deepEqual([denied.status, denied.lines.at(-1)], [200, { errorDetail: { message: words }, error: words }])
  engine.remove('x:1')
  const gone = await ask(engine, 'POST', '/images/x/push?tag=1', auth)
  assert.deepEqual([gone.status, gone.lines.at(-1)?.['error']], [200, 'tag does not exist: x:1'])
  assert.deepEqual(message(await ask(engine, 'POST', '/images/x/push?tag=1')), [400, 'Bad parameters and missing X-Registry-Auth: EOF'])
})

test('lets an override answer a call, pass it on, or stay silent until the client leaves', async () => {
  const silent = new EventEmitter()
  await using engine = await startScriptedEngine({
    overrides: {
      pull: [
        (_request, response) => {
          writeLines(response, { errorDetail: { message: 'toomanyrequests' } })
          response.end('{"status":"no newline"}')
        },
        (_request, response) => {
          writeLines(response, { status: 'Pulling' })
          response.write('{"status":"Pul', () => response.destroy())
        },
        ({ signal }) => void silent.emit('asked', signal),
        (_request, _response, next) => next(),
      ],
      inspect: () => {
        throw new Error('a slip')
      },
    },
  })
  const pull = '/images/create?fromImage=x&tag=1'
  assert.deepEqual((await ask(engine, 'POST', pull)).lines, [{ errorDetail: { message: 'toomanyrequests' } }, { status: 'no newline' }])
  await assert.rejects(ask(engine, 'POST', pull), /aborted/)
  const request = httpRequest({ socketPath: engine.socket, path: pull, method: 'POST' })
  request.on('error', () => undefined)
  const asked = once(silent, 'asked')
  request.end()
  const [signal] = (await asked) as [AbortSignal]
  assert.equal(signal.aborted, false)
  const left = once(signal, 'abort')
  request.destroy()
  await left
  for (let time = 0; time < 2; time++) assert.equal((await ask(engine, 'POST', pull)).lines.length > 2, true)
  assert.deepEqual(message(await ask(engine, 'GET', '/images/x:1/json')), [500, 'a slip'])
  assert.equal(engine.requests.length, 6)
})
