import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import type { MirrorReport } from '../../src/report/report.ts'
import type { FaultRule } from '../servers/fault-proxy.ts'
import { k3sImages } from '../servers/release-shapes.ts'
import type { RequestKind } from '../servers/request-kind.ts'
import { requireServer } from '../servers/require-server.ts'
import { twoRegistries, type TwoRegistries } from './two-registries.ts'

const images = k3sImages.slice(0, 3)

interface Stall {
  readonly rule: FaultRule
  /** Resolves when the destination has been asked so many times for this. */
  readonly until: (kind: RequestKind, count: number) => Promise<void>
}

/** Lets requests of these kinds hang. */
function stall(...kinds: readonly RequestKind[]): Stall {
  const waiting: { readonly kind: RequestKind; readonly count: number; readonly resolve: () => void }[] = []
  return {
    rule: ({ kind }, counters) => {
      for (const one of waiting) if (counters.kinds[one.kind] >= one.count) one.resolve()
      return kinds.includes(kind) ? { fault: 'stall' } : undefined
    },
    until: (kind, count) => new Promise((resolve) => waiting.push({ kind, count, resolve })),
  }
}

/** How many uploads a docker-registry keeps open; of cancelled ones it leaves the states of their hashes behind. */
async function openUploads({ to }: TwoRegistries): Promise<number> {
  const paths = await readdir(`${to.rootDirectory}/docker/registry/v2/repositories`, { recursive: true }).catch(() => [])
  return paths.filter((path) => /_uploads\/[^/]+\/startedat$/.test(path)).length
}

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  test(`${signal} stops a run, cancels its uploads and ends with ${code}`, async (t) => {
    if (!requireServer(t, 'docker-registry')) return
    const { rule, until } = stall('upload-put')
    await using line = await twoRegistries({ images, destinationRule: rule })
    const stalled = until('upload-put', 3)
    const { child, finished } = await line.start(['--output', 'json'])
    await stalled
    assert.notEqual(await openUploads(line), 0)
    child.kill(signal)
    const { status, stdout, stderr } = await finished
    assert.equal(status, code, stderr)
    assert.equal(await openUploads(line), 0)
    const report = JSON.parse(stdout) as MirrorReport
    assert.equal(report.interrupted, true)
    assert.deepEqual(
      report.images.map(({ error }) => error?.code),
      images.map(() => 'CANCELLED'),
    )
    line.destination.rule = () => undefined
    assert.equal((await line.mirror()).status, 0)
  })
}

test('a second SIGINT ends the run at once', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  const { rule, until } = stall('upload-put', 'upload-delete')
  await using line = await twoRegistries({ images, destinationRule: rule })
  const [stalled, cancelling] = [until('upload-put', 3), until('upload-delete', 1)]
  const { child, finished } = await line.start()
  await stalled
  child.kill('SIGINT')
  await cancelling
  // a second one that comes with the first counts as that
  const impatience = setInterval(() => child.kill('SIGINT'), 50)
  const { status, stdout } = await finished
  clearInterval(impatience)
  // a run that waits for its uploads to be cancelled ends with a summary
  assert.deepEqual([status, stdout], [130, ''])
})

test('stops silently and cancels uploads when the reader of standard output leaves', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using line = await twoRegistries({
    images,
    destinationRule: ({ kind }, { kinds }) =>
      kind !== 'upload-put' ? undefined : kinds['upload-put'] % 3 === 0 ? { fault: 'stall' } : { fault: 'delay', milliseconds: 30 },
  })
  const { child, finished } = await line.start(['--events', '-', '--quiet'])
  assert.ok(child.stdout)
  const lines = createInterface(child.stdout)
  const [first] = (await once(lines, 'line')) as [string]
  assert.equal((JSON.parse(first) as { type: string }).type, 'run-started')
  child.stdout.destroy()
  const { status, stderr } = await finished
  assert.deepEqual([status, stderr], [143, ''])
  assert.equal(await openUploads(line), 0)
})

test('reports an interrupted run with its unfinished images', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  const { rule, until } = stall('upload-put')
  await using line = await twoRegistries({ images, destinationRule: rule })
  const stalled = until('upload-put', 3)
  const { child, finished } = await line.start()
  await stalled
  child.kill('SIGINT')
  const { stdout, stderr } = await finished
  assert.match(stdout, /^interrupted; 3 images: 3 not finished$/m)
  assert.match(stdout, /^hint: run the same command again; it copies only what is missing$/m)
  assert.doesNotMatch(stderr, /^ +at /m)
})
