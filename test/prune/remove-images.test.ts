import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chooseTags } from '../../src/prune/choose-tags.ts'
import { readRepository } from '../../src/prune/read-repository.ts'
import type { RepositoryOutcome } from '../../src/prune/removal-outcome.ts'
import { planRemoval } from '../../src/prune/removal-plan.ts'
import { ImageRemover } from '../../src/prune/remove-images.ts'
import type { TinyImage } from '../layout/tiny-image.ts'
import { indexOver, newImage, prunedRegistry, prunedRepository, type DeletionOptions, type PrunedRegistry } from './pruned-registry.ts'

const digestOf = ({ root }: TinyImage): string => root.descriptor.digest

async function prune({ place }: PrunedRegistry, keep: readonly string[], signal?: AbortSignal): Promise<RepositoryOutcome> {
  const stored = await readRepository(place, prunedRepository)
  const choice = chooseTags(stored, { tags: new Set(keep), digests: new Set(), pinned: new Set() })
  return new ImageRemover(place, { signal }).remove(await planRemoval(place, choice))
}

function statuses({ tags }: RepositoryOutcome): Readonly<Record<string, string>> {
  return Object.fromEntries(tags.map(({ tag, status }) => [tag, status]))
}

const [shared, keptChild, oldChild] = [newImage(), newImage(), newImage()]

/** `new` and `old` share a child; `twin` is `new` under an older name. */
async function holding(options: DeletionOptions = {}) {
  const server = await prunedRegistry(options)
  const images = { new: indexOver(shared, keptChild), old: indexOver(shared, oldChild) }
  server.registry.hold('x', 'new', images.new)
  server.registry.hold('x', 'twin', images.new)
  server.registry.hold('x', 'old', images.old)
  return { ...server, images, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

test('removes tags first, then the manifests that no kept tag reaches, root before child', async () => {
  await using server = await holding({ tags: 'supported' })
  const outcome = await prune(server, ['new'])
  assert.deepEqual(statuses(outcome), { new: 'kept', old: 'removed', twin: 'removed' })
  assert.deepEqual(
    server.deletes.filter((name) => name !== 'twin'),
    ['old', digestOf(server.images.old), digestOf(oldChild)],
  )
  assert.deepEqual(server.tags(), ['new'])
  assert.ok([server.images.new, shared, keptChild].every((image) => server.has(digestOf(image))))
})

test('skips a tag whose digest a kept tag has where the registry deletes only manifests', async () => {
  await using server = await holding()
  const outcome = await prune(server, ['new'])
  assert.deepEqual(statuses(outcome), { new: 'kept', old: 'removed', twin: 'skipped' })
  assert.equal(outcome.tags[2]?.reason, 'the kept tag new has the same digest, and this registry deletes only manifests')
  assert.deepEqual(server.tags(), ['new', 'twin'])
  assert.ok(!server.has(digestOf(server.images.old)) && !server.has(digestOf(oldChild)))
})

test('stores a needed manifest again where the registry deletes it with another tag', async () => {
  await using server = await holding({ tags: 'takes-manifest' })
  const outcome = await prune(server, ['new'])
  assert.deepEqual(statuses(outcome), { new: 'kept', old: 'removed', twin: 'removed' })
  assert.deepEqual(server.tags(), ['new'])
  assert.ok(server.has(digestOf(server.images.new)))
})

test('keeps what is below an image that could not be removed, and removes the others', async () => {
  const failing = indexOver(oldChild)
  await using server = await holding({ manifests: (digest) => (digest === digestOf(failing) ? 403 : 202) })
  server.registry.hold('x', 'failing', failing)
  const outcome = await prune(server, ['new', 'twin'])
  assert.deepEqual(statuses(outcome), { failing: 'failed', new: 'kept', old: 'removed', twin: 'kept' })
  assert.equal(outcome.tags.find(({ tag }) => tag === 'failing')?.error?.code, 'DENIED')
  assert.ok(server.has(digestOf(oldChild)), 'the index that was not removed needs it')
})

test('reports a manifest that the registry does not delete after its tags', async () => {
  await using server = await holding({ tags: 'supported', manifests: () => 405 })
  const outcome = await prune(server, ['new', 'twin'])
  assert.deepEqual(statuses(outcome), { new: 'kept', old: 'removed', twin: 'kept' })
  assert.deepEqual(
    outcome.remaining.map(({ digest, error }) => [digest, error.code]),
    [[digestOf(server.images.old), 'UNSUPPORTED']],
  )
})

test('removes the referrers of removed images only', async () => {
  const referrers: Record<string, readonly string[]> = {}
  await using server = await holding({ referrers })
  const [signature, childSignature, keptSignature] = [newImage(), newImage(), newImage()]
  for (const image of [signature, childSignature, keptSignature]) {
    server.registry.hold('x', 'passing', image)
    server.registry.manifests.delete('x:passing')
  }
  referrers[digestOf(server.images.old)] = [digestOf(signature)]
  referrers[digestOf(oldChild)] = [digestOf(childSignature)]
  referrers[digestOf(server.images.new)] = [digestOf(keptSignature)]
  await prune(server, ['new', 'twin'])
  assert.ok(!server.has(digestOf(signature)) && !server.has(digestOf(childSignature)))
  assert.ok(server.has(digestOf(keptSignature)))
})

test('begins no image after an abort, and ends the one under way', async () => {
  const abort = new AbortController()
  await using server = await holding({
    tags: 'supported',
    manifests: () => {
      abort.abort()
      return 202
    },
  })
  const later = newImage()
  for (let count = 0; count < 20; count++) server.registry.hold('x', `later-${count}`, newImage())
  server.registry.hold('x', 'later', later)
  const outcome = await prune(server, ['new', 'twin'], abort.signal)
  const interrupted = outcome.tags.filter(({ reason }) => reason === 'interrupted')
  assert.ok(interrupted.length > 0)
  for (const { status, digest } of outcome.tags.filter((tag) => tag.status !== 'kept')) {
    if (status === 'removed') assert.ok(!server.has(digest ?? ''), 'no manifest is left behind')
    else assert.ok(server.has(digest ?? ''))
  }
  const again = await prune(server, ['new', 'twin'])
  assert.deepEqual(server.tags(), ['new', 'twin'])
  assert.ok(again.tags.every(({ status }) => status !== 'failed'))
})
