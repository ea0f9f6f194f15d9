import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contentCopier } from '../../src/copy/copy-image.ts'
import type { MirrorEvent } from '../../src/copy/events.ts'
import { ResolveAhead } from '../../src/copy/resolve-ahead.ts'
import { runImages } from '../../src/copy/run-images.ts'
import type { NamedImage } from '../../src/plan/destination-names.ts'
import { lookUpExisting, resolveImage } from '../../src/plan/resolve-image.ts'
import { tinyImage } from '../layout/tiny-image.ts'
import type { MemoryRegistry } from '../servers/memory-registry.ts'
import { twoMemories, type TwoMemories } from './two-memories.ts'

const layer = Buffer.alloc(900, 'a layer of several images')

/** Copies images one after another, with what a run knows in advance. */
async function copyInOrder({ ends }: TwoMemories, images: readonly NamedImage[]): Promise<readonly MirrorEvent[]> {
  const { source, destination } = ends
  const ahead = new ResolveAhead({
    images,
    destination,
    hasRepository: () => Promise.resolve(false),
    jobs: 4,
    lookUp: (image) => lookUpExisting(image, destination),
    resolve: (image, existing) => resolveImage(image, source, destination, { existing }),
  })
  const events: MirrorEvent[] = []
  await runImages({
    images,
    resolve: (image) => ahead.resolve(image),
    copier: contentCopier({ ...ends, findHolder: (copy) => ahead.findHolder(copy) }),
    jobs: 1,
    emit: (event) => void events.push(event),
  })
  return events
}

function outcomes(events: readonly MirrorEvent[], size: number): readonly string[] {
  return events.flatMap((event) => {
    if (event.type === 'blob-skipped' && event.size === size) return [`${event.reason} ${event.image}`]
    return event.type === 'blob-copied' && event.size === size ? [`copied ${event.image}`] : []
  })
}

test('mounts a blob from the repository of a later image that has it', async () => {
  await using memories = await twoMemories()
  const { to } = memories
  const first = memories.hold('p/new', tinyImage(layer, 'amd64'))
  const second = memories.hold('p/old', tinyImage(layer, 'arm64'))
  const present = tinyImage()
  const unchanged = memories.hold('p/unchanged', present)
  to.hold('m/p/unchanged', '1', present)
  to.hold('m/p/old', '0', tinyImage(layer, 'riscv64'))
  const events = await copyInOrder(memories, [first, second, unchanged])
  assert.deepEqual(outcomes(events, layer.length), ['mounted ghcr.io/p/new:1', 'present ghcr.io/p/old:1'])
})

test('sends no further request where the destination lacks all images', async () => {
  const requests = async (copy: (memories: TwoMemories, images: readonly NamedImage[]) => Promise<unknown>) => {
    await using memories = await twoMemories()
    const images = ['p/one', 'p/two', 'p/three'].map((path) => memories.hold(path, tinyImage(layer)))
    await copy(memories, images)
    const sorted = (registry: MemoryRegistry): readonly string[] => [...registry.kinds()].toSorted()
    return [sorted(memories.from), sorted(memories.to)]
  }
  const usual = await requests((memories, images) => memories.copy(images, { jobs: 1 }))
  assert.deepEqual(await requests(copyInOrder), usual)
})

test('asks several repositories at once where none has the blob', { timeout: 10_000 }, async () => {
  await using memories = await twoMemories()
  const { to } = memories
  const images = ['p/one', 'p/two', 'p/three', 'p/four'].map((path) => memories.hold(path, tinyImage(layer)))
  to.hold('m/p/one', '1', tinyImage())
  let answerAll = (): void => undefined
  const areAsked = new Promise<void>((resolve) => void (answerAll = resolve))
  const asked = new Set<string>()
  to.intercept = async ({ kind, path }) => {
    if (kind !== 'blob-head') return false
    if (asked.add(path).size === 3) answerAll()
    await areAsked
    return false
  }
  const events = await copyInOrder(memories, images)
  assert.equal(events.filter(({ type }) => type === 'image-copied').length, 4)
})

test('uploads a blob where the other repositories cannot be asked', async () => {
  await using memories = await twoMemories()
  const { to } = memories
  const images = [memories.hold('p/new', tinyImage(layer, 'amd64')), memories.hold('p/old', tinyImage(layer, 'arm64'))]
  to.hold('m/p/old', '1', tinyImage(layer, 'riscv64'))
  to.intercept = ({ kind, path }, response) => {
    if (!kind.startsWith('blob-') || !path.includes('/p/old/')) return false
    response.writeHead(403).end()
    return true
  }
  const events = await copyInOrder(memories, images)
  assert.ok(outcomes(events, layer.length).includes('copied ghcr.io/p/new:1'))
  assert.equal(events.filter(({ type }) => type === 'image-copied').length, 2)
})

test('looks an image up again at its second turn', async () => {
  await using memories = await twoMemories()
  const image = memories.hold('p/one', tinyImage(layer))
  const { source, destination } = memories.ends
  const ahead = new ResolveAhead({
    images: [image],
    destination,
    hasRepository: () => Promise.resolve(false),
    jobs: 4,
    lookUp: (named) => lookUpExisting(named, destination),
    resolve: (named, existing) => resolveImage(named, source, destination, { existing }),
  })
  const states = [(await ahead.resolve(image)).state]
  memories.to.hold('m/p/one', '1', tinyImage())
  states.push((await ahead.resolve(image)).state)
  assert.deepEqual(states, ['new', 'changed'])
})
