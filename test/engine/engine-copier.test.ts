import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import type { EngineOverride, EngineScript } from '../servers/engine-script.ts'
import { until } from '../servers/until.ts'
import { dockerImage } from './docker-image.ts'
import { engineRun, reference, type EngineRun, type EngineRunResult } from './engine-run.ts'

const lines = (response: ServerResponse, ...messages: readonly object[]): void => {
  response.writeHead(200, { 'content-type': 'application/json' })
  for (const message of messages) response.write(`${JSON.stringify(message)}\r\n`)
}

/** Ends a stream with an error, as an Engine does once it has begun to answer. */
const fails =
  (message: string): EngineOverride =>
  (_, response) => {
    lines(response, { status: 'Pulling from rancher/x', id: '1' }, { errorDetail: { message }, error: message })
    response.end()
  }

const calls = ({ engine }: EngineRun, call: string): number => engine.requests.filter((request) => request.call === call).length

/** Runs with one override for every call, and holds the Engine to have been left as it was. */
async function runWith(
  script: EngineScript,
  options?: Parameters<EngineRun['run']>[0],
): Promise<EngineRunResult & { readonly pulls: number; readonly pushes: number }> {
  await using setting = await engineRun(script)
  const result = await setting.run(options)
  assert.deepEqual(setting.engine.images(), [], 'the Engine is left as it was')
  return { ...result, pulls: calls(setting, 'pull'), pushes: calls(setting, 'push') }
}

test('an image is pulled, tagged, pushed, proved and taken away again', async () => {
  const { image, report, events } = await runWith({})
  assert.deepEqual(
    { status: image.status, digest: image.digest, digestPreserved: image.digestPreserved, platforms: image.platforms },
    { status: 'copied', digest: dockerImage().digest, digestPreserved: false, platforms: ['linux/amd64'] },
  )
  assert.deepEqual(report.engine, { apiVersion: '1.41', store: 'classic' })
  assert.ok(image.bytes.copied > 0 && image.bytes.total === image.bytes.copied)
  assert.equal(events.at(-1)?.type, 'run-finished')
})

// F144
test('an error in a stream of status 200 is a failure, of a pull and of a push', async () => {
  for (const call of ['pull', 'push'] as const) {
    const { image } = await runWith({ overrides: { [call]: fails('an unknown failure') } })
    assert.equal(image.status, 'failed')
    assert.match(image.error?.message ?? '', /an unknown failure/)
    assert.equal(image.error?.code, 'PROTOCOL')
  }
})

// F145
test('a stream that is cut is tried again', async () => {
  const cut: EngineOverride = (_, response) => {
    lines(response, { status: 'Pulling from rancher/x' })
    response.socket?.destroy()
  }
  const { image, events, pulls, pushes } = await runWith({ overrides: { pull: [cut], push: [cut] } })
  assert.equal(image.status, 'copied')
  assert.deepEqual([pulls, pushes], [2, 2])
  assert.deepEqual(
    events.flatMap((event) => (event.type === 'retrying' ? [event.error.code] : [])),
    ['CONNECTION_LOST', 'CONNECTION_LOST'],
  )
})

// F146
test('a push that ends without a digest has failed', async () => {
  const early: EngineOverride = (_, response) => {
    lines(response, { status: 'Pushed', id: 'abc' })
    response.end()
  }
  const { image } = await runWith({ overrides: { push: early } })
  assert.deepEqual([image.status, image.error?.code], ['failed', 'PROTOCOL'])
  assert.match(image.error?.message ?? '', /without a digest/)
})

// F146
test('a pull that ends without a digest has failed, and nothing older is pushed in its place', async () => {
  const early: EngineOverride = (_, response) => {
    lines(response, { status: 'Pull complete', id: 'abc' })
    response.end()
  }
  await using setting = await engineRun({ images: { [reference]: dockerImage().pulled }, overrides: { pull: early } })
  const { image } = await setting.run()
  assert.equal(image.error?.code, 'PROTOCOL')
  assert.equal(calls(setting, 'push'), 0)
})

// F147
test('reads a character split between two chunks and an unterminated last line, and fails on invalid JSON', async () => {
  const { digest } = dockerImage()
  const split: EngineOverride = (_, response) => {
    // the registry in memory has it already, so that the proof holds
    const status = `{"status":"é…"}\r\n{"status":"1: digest: ${digest} size: 528"}`
    const bytes = Buffer.from(status)
    lines(response)
    response.write(bytes.subarray(0, 12))
    setImmediate(() => response.end(bytes.subarray(12)))
  }
  await using setting = await engineRun({ overrides: { push: split } })
  setting.registry.hold('rancher/x', '1', dockerImage().pushed)
  const { image } = await setting.run({ recheck: true })
  assert.deepEqual([image.status, image.digest], ['up-to-date', digest])

  const broken = await runWith({
    overrides: {
      push: (_, response) => {
        lines(response)
        response.end('{"status":')
      },
    },
  })
  assert.equal(broken.image.error?.code, 'PROTOCOL')
})

// F148
test('reports a refusal and does not retry it', async () => {
  for (const [message, code] of [
    ['denied: requested access to the resource is denied', 'DENIED'],
    ['unauthorized: authentication required', 'UNAUTHORIZED'],
    ['no basic auth credentials', 'UNAUTHORIZED'],
  ] as const) {
    const { image, pushes } = await runWith({ overrides: { push: fails(message) } })
    assert.deepEqual([image.error?.code, image.error?.side, pushes], [code, 'destination', 1])
  }
})

// F149
test('an Engine without room stops the whole run', async () => {
  const second = 'docker.io/rancher/y:1'
  const { report, pulls } = await runWith(
    { overrides: { pull: fails('write /var/lib/docker/tmp/GetImageBlob1: no space left on device') } },
    { references: [reference, second], jobs: 1 },
  )
  assert.deepEqual(
    report.images.map(({ error }) => error?.code),
    ['NO_SPACE', 'NO_SPACE'],
  )
  assert.equal(pulls, 1)
})

// F150
test('a registry that is asked too much is waited for', async () => {
  const busy = fails('toomanyrequests: slow down')
  const { image, events, pulls } = await runWith({ overrides: { pull: [busy, busy] } })
  assert.deepEqual([image.status, pulls], ['copied', 3])
  const waits = events.flatMap((event) => (event.type === 'throttled' ? [event] : []))
  assert.deepEqual(
    waits.map(({ side, origin }) => [side, origin]),
    [
      ['source', 'docker.io'],
      ['source', 'docker.io'],
    ],
  )
})

// F150
test('a look-up is waited for as a pull is', async () => {
  const busy: EngineOverride = (_, response) => {
    response.writeHead(500, { 'content-type': 'application/json' }).end('{"message":"toomanyrequests: slow down"}')
  }
  const { image, events } = await runWith({ overrides: { distribution: [busy, busy] } })
  assert.equal(image.status, 'copied')
  assert.equal(events.filter(({ type }) => type === 'throttled').length, 2)
})

// F150
test('a quota that is spent is not waited for', async () => {
  const spent = 'toomanyrequests: You have reached your pull rate limit. You may increase the limit by authenticating and upgrading'
  const { image, pulls } = await runWith({ overrides: { pull: fails(spent) } })
  assert.equal(image.error?.code, 'THROTTLED')
  assert.match(image.error?.hint ?? '', /docker login/)
  assert.equal(pulls, 2, 'once, and once more at the end of the run')
})

// F151
test('an Engine that falls silent is given up', async () => {
  const left: Promise<void>[] = []
  const silent: EngineOverride = ({ signal }, response) => {
    lines(response, { status: 'Preparing', id: 'abc' })
    left.push(new Promise((resolve) => signal.addEventListener('abort', () => resolve())))
  }
  const { image } = await runWith({ overrides: { push: silent } }, { timeout: 1000, retry: { retries: 0 } })
  assert.equal(image.error?.code, 'TIMEOUT')
  await Promise.all(left)
})

const containerd = { store: 'containerd' as const, apiVersion: '1.47' }

// F152
test('reports the digest as not preserved where a containerd store pushes no index', async () => {
  await using setting = await engineRun({
    ...containerd,
    overrides: {
      push: (_, response) => {
        lines(
          response,
          { progressDetail: {}, aux: { manifestPushedInsteadOfIndex: true, originalIndex: {}, selectedManifest: {} } },
          { status: `1: digest: ${dockerImage().digest} size: 528` },
        )
        response.end()
      },
    },
  })
  setting.registry.hold('rancher/x', '1', dockerImage().pushed)
  const { image, report } = await setting.run({ recheck: true })
  assert.deepEqual([image.status, image.digestPreserved, report.engine?.store], ['up-to-date', false, 'containerd'])
})

test('names the platform to push to a containerd store, and not to a classic one', async () => {
  for (const [script, platform] of [
    [containerd, '{"os":"linux","architecture":"amd64"}'],
    [{}, undefined],
  ] as const) {
    await using setting = await engineRun(script)
    await setting.run()
    assert.equal(setting.engine.requests.find(({ call }) => call === 'push')?.query['platform'], platform)
  }
})

test('a push that leaves the destination as it was has copied nothing', async () => {
  await using setting = await engineRun(containerd)
  assert.equal((await setting.run()).image.status, 'copied')
  const { image } = await setting.run({ recheck: true })
  assert.deepEqual([image.status, image.bytes.copied, calls(setting, 'push')], ['up-to-date', 0, 2])
})

// F153
test('an image of which a containerd store holds only a part is a failure', async () => {
  const { image } = await runWith({
    ...containerd,
    overrides: {
      push: (_, response) => {
        lines(response, { progressDetail: {}, aux: { contentMissing: true, desc: {} } })
        response.end()
      },
    },
  })
  assert.equal(image.error?.code, 'UNSUPPORTED')
  assert.match(image.error?.hint ?? '', /options\.platforms/)
})

// F153
test('rejects a containerd store that cannot push one platform of an index before anything is pulled', async () => {
  const { image, pulls } = await runWith({ store: 'containerd', apiVersion: '1.45' })
  assert.deepEqual([image.error?.code, pulls], ['UNSUPPORTED', 0])
  assert.match(image.error?.hint ?? '', /Docker to 27/)
})

// F154
test('several platforms and no choice are refused before anything moves', async () => {
  await using setting = await engineRun()
  await assert.rejects(
    setting.run({ platforms: undefined }),
    ({ code, message, hint }: { code: string; message: string; hint: string }) => {
      assert.equal(code, 'USAGE')
      assert.match(message, /linux\/amd64, linux\/arm64/)
      assert.match(hint, /options\.platforms linux\/amd64,linux\/arm64/)
      return true
    },
  )
  assert.equal(calls(setting, 'pull'), 0)
})

// F154
test('an image of one platform needs no choice', async () => {
  const { image } = await runWith({ platforms: { [reference]: [{ os: 'linux', architecture: 'arm64' }] } }, { platforms: undefined })
  assert.deepEqual([image.status, image.platforms], ['copied', ['linux/arm64']])
})

// F155
test('an image of one platform is not carried for another', async () => {
  const single = { platforms: { [reference]: [{ os: 'linux', architecture: 'amd64' }] } }
  const { image, pulls } = await runWith(single, { platforms: ['linux/arm64'] })
  assert.deepEqual([image.error?.code, pulls], ['NO_SUCH_PLATFORM', 0])
  assert.match(image.error?.message ?? '', /is only for linux\/amd64, not for linux\/arm64/)
  assert.equal((await runWith(single, { platforms: ['linux/arm64', 'linux/amd64'] })).image.status, 'copied')
})

test('several platforms without a way to write their index are refused before anything is pulled', async () => {
  await using setting = await engineRun()
  const { image } = await setting.run({ to: 'https://127.0.0.1:1', platforms: ['linux/amd64', 'linux/arm64'], retry: { retries: 0 } })
  assert.deepEqual([image.error?.code, image.error?.side, calls(setting, 'pull')], ['UNREACHABLE', 'destination', 0])
  assert.match(image.error?.message ?? '', /writes the index of several platforms, but cannot reach/)
})

// F155
test('a platform that the image does not have is named, with those that it has', async () => {
  const { image, pulls } = await runWith({}, { platforms: ['linux/s390x'] })
  assert.equal(image.error?.code, 'NO_SUCH_PLATFORM')
  assert.match(image.error?.message ?? '', /linux\/s390x; available: linux\/amd64, linux\/arm64/)
  assert.equal(pulls, 0)
  const unknown = await runWith({
    platforms: {},
    overrides: { pull: fails('no matching manifest for linux/amd64 in the manifest list entries') },
  })
  assert.equal(unknown.image.error?.code, 'NO_SUCH_PLATFORM')
})

// F156
test('another platform than the one asked for is a failure', async () => {
  const warned = await runWith({
    overrides: {
      pull: (_, response) => {
        lines(response, {
          status:
            'WARNING: image with reference rancher/x was found but does not match the specified platform: wanted linux/amd64, actual: linux/arm64',
        })
        response.end()
      },
    },
  })
  assert.equal(warned.image.error?.code, 'NO_SUCH_PLATFORM')
  const silent = await runWith({ onPull: () => dockerImage('linux/arm64').pulled })
  assert.equal(silent.image.error?.code, 'NO_SUCH_PLATFORM')
  assert.equal(silent.pushes, 0)
})

// F159
test('an image that somebody else removes is pulled again', async () => {
  await using setting = await engineRun({
    overrides: {
      tag: [
        (_, __, next) => {
          setting.engine.remove(dockerImage().pulled.id ?? '')
          next()
        },
      ],
      push: [
        (_, __, next) => {
          setting.engine.remove(dockerImage().pulled.id ?? '')
          next()
        },
      ],
    },
  })
  const { image } = await setting.run()
  assert.equal(image.status, 'copied')
  assert.equal(calls(setting, 'pull'), 3)
  assert.deepEqual(setting.engine.images(), [])
})

// F159
test('content that was taken away in the middle is pulled again', async () => {
  const { image, pulls } = await runWith({
    overrides: { push: [fails('content digest sha256:0000: not found')], pull: [fails('lease does not exist: not found')] },
  })
  assert.deepEqual([image.status, pulls], ['copied', 3])
})

// F160
test('an image that a container uses stays, and a warning says so', async () => {
  await using setting = await engineRun({ containers: { [reference]: 'c'.repeat(64) } })
  const { image, report } = await setting.run()
  assert.equal(image.status, 'copied')
  assert.equal(setting.engine.images().length, 1)
  assert.ok(
    report.warnings.some((warning) => warning.includes('a container uses it')),
    report.warnings.join(),
  )
})

// F161
test('restores the earlier images of the Engine under the same names', async () => {
  const older = { ...dockerImage('linux/arm64').pulled, digest: `sha256:${'1'.repeat(64)}` }
  for (const images of [
    { [reference]: dockerImage().pulled },
    { [reference]: older },
    { [reference]: older, 'docker.io/library/other:2': dockerImage().pulled },
  ]) {
    await using setting = await engineRun({ images })
    const before = setting.engine.images()
    const { image } = await setting.run()
    assert.equal(image.status, 'copied')
    const names = (list: typeof before): unknown => list.map(({ Id, RepoTags }) => `${Id} ${RepoTags.join()}`).toSorted()
    assert.deepEqual(names(setting.engine.images()), names(before))
  }
})

// F161
test('keeps an image without a tag when a name of the run is removed', async () => {
  const { pulled } = dockerImage()
  const root = `sha256:${'3'.repeat(64)}`
  for (const held of [`docker.io/rancher/x@${root}`, 'docker.io/library/other@sha256:' + '4'.repeat(64)]) {
    await using setting = await engineRun({ digests: { [reference]: root }, images: { [held]: { ...pulled, digest: root } } })
    const before = setting.engine.images()
    const { image, report } = await setting.run()
    assert.equal(image.status, 'copied')
    const [after] = setting.engine.images()
    assert.deepEqual([after?.Id, before[0]?.RepoDigests.every((name) => after?.RepoDigests.includes(name))], [pulled.id, true])
    // what the name would have taken along stays with it, and a warning says so
    assert.equal(
      report.warnings.some((warning) => warning.includes('was there before')),
      held.includes('rancher/x'),
    )
  }
})

test('a tag of the destination that the Engine has of something else is given back', async () => {
  await using setting = await engineRun()
  const target = `${setting.registry.host}/rancher/x:1`
  await using other = await engineRun({ images: { [target]: dockerImage('linux/arm64').pulled } })
  const { image } = await other.run({ to: setting.registry.url })
  // its pushes go to a registry of their own, so that the proof fails, and all the same the name is given back
  assert.equal(image.error?.code, 'PROTOCOL')
  assert.deepEqual(
    other.engine.images().map(({ Id, RepoTags }) => [Id, RepoTags]),
    [[dockerImage('linux/arm64').pulled.id, [target]]],
  )
})

test('a proxy before the socket may let through no more than a pull, a tag and a push need', async () => {
  const forbidden: EngineOverride = (_, response) => {
    response.writeHead(403, { 'content-type': 'text/html' }).end('<html><body><h1>403 Forbidden</h1></body></html>')
  }
  const { image, report } = await runWith({ overrides: { info: forbidden, distribution: forbidden } })
  assert.deepEqual([image.status, report.engine?.store], ['copied', 'classic'])
})

test('--keep leaves what was pulled', async () => {
  await using setting = await engineRun()
  await setting.run({ keep: true })
  const [image] = setting.engine.images()
  assert.deepEqual(image?.RepoTags.toSorted(), [`${setting.registry.host}/rancher/x:1`, 'rancher/x:1'].toSorted())
})

// F162
test('an abort ends the push, and takes away what the run made', async () => {
  const abort = new AbortController()
  let isPushing = false
  let hasLeft = false
  await using setting = await engineRun({
    overrides: {
      push: ({ signal }, response) => {
        signal.addEventListener('abort', () => (hasLeft = true))
        lines(response, { status: 'Preparing', id: 'abc' })
        isPushing = true
      },
    },
  })
  const run = setting.run({ signal: abort.signal })
  await until(() => isPushing)
  abort.abort()
  const { report, image } = await run
  await until(() => hasLeft)
  assert.equal(report.interrupted, true)
  assert.equal(image.error?.code, 'CANCELLED')
  assert.deepEqual(setting.engine.images(), [])
})

test('an Engine that is gone in the middle is a failure; what it holds is given back when it answers again', async () => {
  const gone: EngineOverride = (_, response) => void response.socket?.destroy()
  const { image } = await runWith({ overrides: { push: [gone], remove: [gone] } })
  assert.equal(image.status, 'copied')
})

test('an Engine that is restarted is waited for', async () => {
  let restart: (() => Promise<void>) | undefined
  await using setting = await engineRun({
    overrides: {
      tag: [
        async (_, response) => {
          // the socket goes, as of a daemon that ends, and comes back a moment later
          const { socket } = setting.engine
          restart = () => rename(`${socket}.away`, socket)
          await rename(socket, `${socket}.away`)
          response.socket?.destroy()
        },
      ],
    },
  })
  const running = setting.run({ retry: { retries: 3, baseDelay: 50, maxDelay: 50 } })
  await until(() => restart !== undefined && existsSync(`${setting.engine.socket}.away`))
  await restart?.()
  const { image } = await running
  assert.equal(image.status, 'copied')
  assert.deepEqual(setting.engine.images(), [])
})

test('an Engine that stays away is waited for once, and fails every image', async () => {
  await using gone = await engineRun({
    overrides: {
      tag: async (_, response) => {
        await rm(gone.engine.socket, { force: true })
        response.socket?.destroy()
      },
    },
  })
  const references = ['a', 'b', 'c'].map((name) => `docker.io/rancher/${name}:1`)
  const { report } = await gone.run({ references, jobs: 1 })
  assert.deepEqual(
    report.images.map(({ error }) => error?.code),
    ['ENGINE_UNAVAILABLE', 'ENGINE_UNAVAILABLE', 'ENGINE_UNAVAILABLE'],
  )
  assert.ok(report.warnings.some((warning) => warning.includes('may be left in it')))
})

test('a tag that moves between the look and the pull is not carried', async () => {
  await using setting = await engineRun({
    onPull: ({ platform }) => ({ ...dockerImage(platform).pulled, digest: `sha256:${'2'.repeat(64)}` }),
  })
  const { image } = await setting.run({ retry: { retries: 0 } })
  assert.equal(image.error?.code, 'UNAVAILABLE')
  assert.match(image.error?.message ?? '', /changed during the run/)
  assert.deepEqual(setting.engine.images(), [])
})
