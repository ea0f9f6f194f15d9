import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type { MirrorEvent } from '../../src/copy/events.ts'
import type { CopyOutcome, ImageCopier } from '../../src/copy/image-copier.ts'
import { runImages, type RunOptions } from '../../src/copy/run-images.ts'
import { MirrorError } from '../../src/errors.ts'
import { sha256 } from '../../src/oci/digest.ts'
import { formatReference, parseReference } from '../../src/oci/reference.ts'
import type { NamedImage } from '../../src/plan/destination-names.ts'
import type { PlanStep } from '../../src/plan/plan.ts'
import { tinyImage } from '../layout/tiny-image.ts'
import { imageEvents, twoMemories } from './two-memories.ts'

const images: readonly NamedImage[] = ['a', 'b', 'c'].map((name) => ({
  source: parseReference(`docker.io/x/${name}:1`),
  destination: parseReference(`r.example/x/${name}:1`),
}))

function stepOf(image: NamedImage, state: PlanStep['state'] = 'new'): PlanStep {
  const { root } = tinyImage(Buffer.from(formatReference(image.source)))
  return {
    ...image,
    root: root.descriptor,
    state,
    platforms: [],
    digestPreserved: true,
    contents: { manifests: [], blobs: [], foreign: [] },
  }
}

async function run(copy: ImageCopier['copy'], options: Partial<RunOptions> = {}): Promise<readonly MirrorEvent[]> {
  const events: MirrorEvent[] = []
  await runImages({
    images,
    jobs: 2,
    resolve: (image) => Promise.resolve(stepOf(image)),
    emit: (event) => events.push(event),
    copier: { copy },
    ...options,
  })
  return events
}

const copied = (hasWritten: boolean): Promise<CopyOutcome> => Promise.resolve({ hasWritten, stored: { digest: sha256(Buffer.of()) } })

const nameOf = ({ source }: PlanStep): string => source.path.slice(2)

test('continues with the other images after a failure, then retries it', async () => {
  const order: string[] = []
  const events = await run((step) => {
    order.push(nameOf(step))
    return nameOf(step) === 'a' && order.length < 3 ? Promise.reject(new MirrorError('UNAVAILABLE', 'busy')) : copied(true)
  })
  assert.deepEqual(order, ['a', 'b', 'c', 'a'])
  assert.deepEqual(
    events.filter(({ type }) => type === 'image-started').map((event) => event.type === 'image-started' && event.round),
    [1, 1, 1, 2],
  )
  const failed = events.filter((event) => event.type === 'image-failed')
  assert.deepEqual(
    failed.map(({ final, error }) => [final, error.code]),
    [[false, 'UNAVAILABLE']],
  )
  assert.equal(events.filter(({ type }) => type === 'image-copied').length, 3)
})

test('reports an image as failed after two failures', async () => {
  const events = await run((step) => (nameOf(step) === 'b' ? Promise.reject(new MirrorError('CONNECTION_LOST', 'gone')) : copied(true)))
  assert.deepEqual(
    events.flatMap((event) => (event.type === 'image-failed' ? [event.final] : [])),
    [false, true],
  )
  assert.equal(events.filter(({ type }) => type === 'image-copied').length, 2)
})

for (const [code, rounds] of [
  ['INTEGRITY', 1],
  ['NOT_FOUND', 1],
  ['DENIED', 1],
  ['UNAUTHORIZED', 1],
  ['INVALID_MANIFEST', 1],
  ['THROTTLED', 2],
  ['TIMEOUT', 2],
  ['PROTOCOL', 2],
  ['LOCAL_IO', 2],
] as const) {
  test(`gives ${code} ${rounds} round${rounds === 1 ? '' : 's'}`, async () => {
    let tries = 0
    await run(() => Promise.reject((tries++, new MirrorError(code, 'x'))), { images: images.slice(0, 1) })
    assert.equal(tries, rounds)
  })
}

test('retries content that arrived damaged, but not content that is damaged at the source', async () => {
  for (const side of ['source', 'destination'] as const) {
    let tries = 0
    await run(() => Promise.reject((tries++, new MirrorError('INTEGRITY', 'x', { side }))), { images: images.slice(0, 1) })
    assert.equal(tries, side === 'source' ? 1 : 2)
  }
})

/** A failure as a registry's answer gives it. */
const answered = (code: 'PROTOCOL' | 'NO_SPACE', status: number, subject?: string): MirrorError =>
  new MirrorError(code, 'refused', { side: 'destination', subject, cause: Object.assign(new Error('answer'), { status }) })
const local = (code: string): MirrorError => new MirrorError('LOCAL_IO', code, { cause: Object.assign(new Error(code), { code }) })

test('a second round is for failures that may pass', async () => {
  for (const [error, rounds] of [
    [answered('PROTOCOL', 400), 1],
    [answered('PROTOCOL', 409), 2],
    [new MirrorError('PROTOCOL', 'no HTTP'), 2],
    [answered('NO_SPACE', 507), 1],
    [local('ENOSPC'), 1],
    [local('EACCES'), 1],
    [local('EIO'), 2],
    [new MirrorError('UNAVAILABLE', 'busy'), 2],
    [new MirrorError('DENIED', 'no'), 1],
  ] as const) {
    const events = await run(() => Promise.reject(error), { images: images.slice(0, 1) })
    const finals = events.flatMap((event) => (event.type === 'image-failed' ? [event.final] : []))
    assert.deepEqual(finals, rounds === 1 ? [true] : [false, true], `${error.code} ${error.message}`)
  }
})

test('without a second round no failure announces one', async () => {
  const events = await run(() => Promise.reject(new MirrorError('UNAVAILABLE', 'busy')), { rounds: 1 })
  assert.deepEqual(
    events.flatMap((event) => (event.type === 'image-failed' ? [event.final] : [])),
    [true, true, true],
  )
})

test('after a full disk further images are only compared, and a used quota stops only its own image', async () => {
  for (const [error, begun] of [
    [answered('NO_SPACE', 507), ['a']],
    [local('ENOSPC'), ['a']],
    [answered('NO_SPACE', 403, 'blob x'), ['a', 'b', 'c']],
  ] as const) {
    const seen: string[] = []
    const fail = (step: PlanStep): Promise<CopyOutcome> => {
      seen.push(nameOf(step))
      return Promise.reject(error)
    }
    const resolve = (image: NamedImage): Promise<PlanStep> =>
      Promise.resolve(stepOf(image, image === images[2] && begun.length === 1 ? 'present' : 'new'))
    const events = await run(fail, { jobs: 1, resolve })
    assert.deepEqual(seen, begun)
    const failed = events.flatMap((event) => (event.type === 'image-failed' ? [event.error.code] : []))
    assert.deepEqual(failed, begun.length === 1 ? [error.code, error.code] : [error.code, error.code, error.code])
    assert.equal(events.filter(({ type }) => type === 'image-up-to-date').length, begun.length === 1 ? 1 : 0)
  }
})

test('a failure that ends the run is not reported as that of its image', async () => {
  const abort = new AbortController()
  const ending = new MirrorError('UNREACHABLE', 'nothing there')
  const events: MirrorEvent[] = []
  const running = run(() => Promise.reject(new MirrorError('DENIED', 'no')), {
    signal: abort.signal,
    emit: (event) => events.push(event),
    onFailure: () => Promise.resolve(abort.abort(ending)),
  })
  await assert.rejects(running, ending)
  assert.deepEqual(
    events.filter(({ type }) => type === 'image-failed'),
    [],
  )
})

test('reports an unexpected error as INTERNAL, and retries it', async () => {
  const events = await run(() => Promise.reject(new TypeError('a bug')), { images: images.slice(0, 1) })
  assert.deepEqual(
    events.flatMap((event) => (event.type === 'image-failed' ? [[event.error.code, event.final]] : [])),
    [
      ['INTERNAL', false],
      ['INTERNAL', true],
    ],
  )
})

test('reports an image whose plan fails as failed', async () => {
  const resolve: RunOptions['resolve'] = (image) =>
    image === images[1] ? Promise.reject(new MirrorError('NOT_FOUND', 'x')) : Promise.resolve(stepOf(image))
  assert.deepEqual(
    imageEvents(await run(() => copied(true), { resolve })).filter((text) => text.startsWith('image-failed')),
    ['image-failed docker.io/x/b:1'],
  )
})

test('copies at most that many images at once', async () => {
  let now = 0
  let most = 0
  let bothHere: () => void = () => undefined
  const both = new Promise<void>((resolve) => (bothHere = resolve))
  await run(async () => {
    most = Math.max(most, ++now)
    if (now === 2) bothHere()
    await both
    now--
    return await copied(true)
  })
  assert.equal(most, 2)
})

test('copies a present image only in a recheck', async () => {
  const resolve: RunOptions['resolve'] = (image) => Promise.resolve(stepOf(image, 'present'))
  const none = await run(() => assert.fail('it is there'), { resolve })
  assert.equal(none.filter(({ type }) => type === 'image-up-to-date').length, 3)
  const walked = await run((step) => copied(nameOf(step) === 'b'), { resolve, recheck: true })
  assert.deepEqual(
    imageEvents(walked).filter((text) => !text.startsWith('image-started')),
    ['image-up-to-date docker.io/x/a:1', 'image-copied docker.io/x/b:1', 'image-up-to-date docker.io/x/c:1'],
  )
})

test('stops everything on an abort, starts nothing more, and throws the reason', async () => {
  const abort = new AbortController()
  const reason = new Error('enough')
  const started: string[] = []
  const work = run(
    (step) => {
      started.push(nameOf(step))
      abort.abort(reason)
      return Promise.reject(reason)
    },
    { jobs: 1, signal: abort.signal },
  )
  await assert.rejects(work, reason)
  assert.deepEqual(started, ['a'])
})

test('leaves no upload session open after an abort', async () => {
  const abort = new AbortController()
  await using two = await twoMemories()
  two.to.intercept = ({ kind, nth }) => {
    if (kind === 'upload-put' && nth === 3) abort.abort(new Error('enough'))
    return kind === 'upload-put' && nth >= 3
  }
  const named = Array.from({ length: 10 }, (_, n) => two.hold(`a${n}`, tinyImage(randomBytes(5000))))
  await assert.rejects(two.copy(named, { jobs: 10, signal: abort.signal }))
  await two.close()
  assert.equal(two.to.sessions.size, 0)
})
