import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { openLayout } from '../../src/layout/open-layout.ts'
import { mirrorToMany, type DestinationEvent, type MirrorToManyOptions } from '../../src/runs/mirror-to-many.ts'
import { tinyImage } from '../layout/tiny-image.ts'
import { hasty } from '../registry/open-registry.ts'
import { startDockerRegistry } from '../servers/docker-registry.ts'
import { memoryRegistry, refuse, type Intercept, type MemoryRegistry } from '../servers/memory-registry.ts'
import { tempDir } from '../servers/temp-dir.ts'

const megabyte = 1024 * 1024

/** Holds back the bodies of uploads until `open` is called. */
function gate() {
  let open = (): void => undefined
  const opened = new Promise<void>((resolve) => (open = resolve))
  const intercept: Intercept = async ({ kind }) => {
    if (kind === 'upload-put') await opened
    return undefined
  }
  return { open, intercept }
}

/** A source with one image of one layer. */
async function oneImage(size: number, intercept?: Intercept) {
  const source = await memoryRegistry(intercept)
  const image = tinyImage(randomBytes(size))
  source.hold('rancher/a', '1', image)
  const layer = image.blobs[0]?.descriptor.digest ?? ''
  const options = { references: ['rancher/a:1'], from: { '*': source.url }, retry: hasty }
  return {
    source,
    layer,
    /** GETs of the layer, with the range that was asked for. */
    reads: (server: MemoryRegistry = source) =>
      server.requests.filter(({ kind, path }) => kind === 'blob-get' && path.endsWith(layer)).map(({ headers }) => headers.range),
    start: (to: readonly string[], more: Partial<MirrorToManyOptions> = {}) => mirrorToMany({ ...options, ...more, to }),
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  }
}

/** Reads the events; `onFinished` is called when a destination has ended. */
async function follow(run: AsyncIterable<DestinationEvent>, onFinished: (to: string) => void): Promise<void> {
  for await (const event of run) if (event.type === 'run-finished') onFinished(event.to)
}

test('completes a destination while another one takes nothing, which then reads the rest back from it', async () => {
  const slow = gate()
  await using from = await oneImage(20 * megabyte)
  await using first = await memoryRegistry()
  await using second = await memoryRegistry(slow.intercept)
  const run = from.start([second.url, first.url])
  const finished: string[] = []
  await follow(run, (to) => {
    finished.push(to)
    assert.ok(first.manifests.has('rancher/a:1'))
    slow.open()
  })
  const { destinations } = await run.report
  assert.deepEqual(finished, [first.url, second.url])
  assert.deepEqual(
    destinations.map(({ totals }) => totals.copied),
    [1, 1],
  )
  assert.deepEqual(from.reads(), [undefined])
  assert.match(from.reads(first)[0] ?? '', /^bytes=[1-9]/)
})

test('reads a blob from the source again where the other destination does not let it be read', async () => {
  const slow = gate()
  await using from = await oneImage(20 * megabyte)
  await using first = await memoryRegistry(({ kind }, response) => kind === 'blob-get' && refuse(response, 403, 'DENIED'))
  await using second = await memoryRegistry(slow.intercept)
  const run = from.start([first.url, second.url])
  await follow(run, slow.open)
  assert.deepEqual(
    (await run.report).destinations.map(({ totals }) => totals.copied),
    [1, 1],
  )
  assert.equal(from.reads().length, 2)
  assert.match(from.reads()[1] ?? '', /^bytes=[1-9]/)
})

test('does not believe a destination that returns other bytes than it was sent', async () => {
  const slow = gate()
  await using from = await oneImage(20 * megabyte)
  await using first = await memoryRegistry(({ kind, path }) => {
    const name = `rancher/a@${/sha256:.*/.exec(path)?.[0]}`
    const bytes = first.blobs.get(name)
    if (kind === 'blob-get' && bytes !== undefined) first.blobs.set(name, Buffer.alloc(bytes.length))
    return undefined
  })
  await using second = await memoryRegistry(slow.intercept)
  const run = from.start([first.url, second.url])
  await follow(run, slow.open)
  assert.deepEqual(
    (await run.report).destinations.map(({ totals }) => totals.copied),
    [1, 1],
  )
  assert.deepEqual(from.reads(), [undefined, undefined])
})

test('lets no destination have a corrupt blob, and blames the source at each', async () => {
  for (const size of [3000, 9 * megabyte]) {
    await using from = await oneImage(size)
    from.source.blobs.set(`rancher/a@${from.layer}`, randomBytes(size))
    let most = 0
    const count: Intercept = ({ kind, path, scripted }, response) => {
      if (kind === 'upload-put' && path.includes(encodeURIComponent(from.layer).slice(-64))) {
        response.on('close', () => (most = Math.max(most, scripted.body.length)))
      }
      return undefined
    }
    await using first = await memoryRegistry(count)
    await using second = await memoryRegistry(count)
    const { destinations } = await from.start([first.url, second.url], { retry: { ...hasty, retries: 0 } }).report
    const errors = destinations.map(({ images }) => [images[0]?.error?.code, images[0]?.error?.side])
    assert.deepEqual(errors, [
      ['INTEGRITY', 'source'],
      ['INTEGRITY', 'source'],
    ])
    assert.ok(most < size)
  }
})

test('reports each destination that cannot be used, and completes the other', async () => {
  await using from = await oneImage(3 * megabyte)
  await using gone = await memoryRegistry()
  await gone[Symbol.asyncDispose]()
  await using guarded = await memoryRegistry((_, response) => refuse(response, 401, 'UNAUTHORIZED'))
  await using directory = await tempDir()
  await using locked = await openLayout(`${directory.path}/locked`)
  await using good = await memoryRegistry()
  const run = from.start([gone.url, guarded.url, `oci:${locked.directory}`, good.url])
  const finished = new Map<string, string | undefined>()
  for await (const event of run) if (event.type === 'run-finished') finished.set(event.to, event.error?.code)
  const { destinations, totals } = await run.report
  const codes = destinations.map(({ error }) => error?.code)
  assert.deepEqual(codes, ['UNREACHABLE', 'UNAUTHORIZED', 'LAYOUT_LOCKED', undefined])
  assert.deepEqual([...finished.values()].length, 4)
  assert.deepEqual(
    destinations.map(({ destination }) => finished.get(destination)),
    codes,
  )
  assert.deepEqual([totals.copied, destinations[3]?.totals.copied], [1, 1])
  assert.deepEqual(from.reads(), [undefined])
})

test('completes a destination while the process of another one is killed', async () => {
  await using from = await oneImage(30 * megabyte)
  await using killed = await startDockerRegistry()
  await using good = await memoryRegistry()
  const run = from.start([killed.url, good.url])
  let isAlive = true
  for await (const event of run) {
    if (!isAlive || event.type !== 'blob-progressed' || event.to !== killed.url) continue
    isAlive = process.kill(killed.pid, 'SIGKILL') && false
  }
  const { destinations } = await run.report
  assert.deepEqual(
    destinations.map(({ totals }) => [totals.copied, totals.failed]),
    [
      [0, 1],
      [1, 0],
    ],
  )
  assert.equal(isAlive, false)
  assert.equal(destinations[0]?.images[0]?.error?.side, 'destination')
})

test('ends every destination when the signal is aborted', async () => {
  const slow = gate()
  await using from = await oneImage(9 * megabyte)
  await using first = await memoryRegistry(slow.intercept)
  await using second = await memoryRegistry(slow.intercept)
  const abort = new AbortController()
  const run = from.start([first.url, second.url], { signal: abort.signal })
  for await (const event of run) if (event.type === 'blob-progressed') abort.abort()
  slow.open()
  assert.deepEqual(
    (await run.report).destinations.map(({ interrupted }) => interrupted),
    [true, true],
  )
})
