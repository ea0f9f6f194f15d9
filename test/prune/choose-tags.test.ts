import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { sha256, type Digest } from '../../src/oci/digest.ts'
import { chooseTags, tagsToDate, type KeptNames, type TagChoice } from '../../src/prune/choose-tags.ts'
import { reachedFrom, type StoredManifest, type StoredRepository } from '../../src/prune/read-repository.ts'

const repository = { registry: 'registry.example.com', path: 'x' }
const digestOf = (name: string): Digest => sha256(Buffer.from(name))
const tagOf = (name: string): string => digestOf(name).replace(':', '-')

/** A repository of tags with the names of manifests, and of manifests with the names of their children. */
function stored(
  tags: Readonly<Record<string, string | undefined>>,
  manifests: Readonly<Record<string, readonly string[]>> = {},
  subjects: Readonly<Record<string, string>> = {},
): StoredRepository {
  const named = new Map(Object.entries(manifests).map(([name, children]) => [digestOf(name), { children: children.map(digestOf) }]))
  const roots = Object.values(tags).flatMap((name) => name ?? [])
  const found = new Map<Digest, StoredManifest>(
    [...new Set([...roots, ...Object.keys(manifests)])].map((name) => {
      const subject = subjects[name]
      return [
        digestOf(name),
        { children: named.get(digestOf(name))?.children ?? [], ...(subject !== undefined && { subject: digestOf(subject) }) },
      ]
    }),
  )
  const digests = Object.entries(tags).map(([tag, name]) => [tag, name === undefined ? undefined : digestOf(name)] as const)
  return { repository, tags: new Map(digests), manifests: found }
}

function kept(tags: readonly string[], digests: readonly string[] = [], pinned: readonly string[] = []): KeptNames {
  return { tags: new Set(tags), digests: new Set(digests.map(digestOf)), pinned: new Set(pinned.map(digestOf)) }
}

function actions(tags: readonly TagChoice[]): Readonly<Record<string, string>> {
  return Object.fromEntries(tags.map(({ tag, action }) => [tag, action]))
}

test('keeps the named tags and removes the others', () => {
  const { tags } = chooseTags(stored({ new: 'b', old: 'a' }), kept(['new']))
  assert.deepEqual(actions(tags), { new: 'keep', old: 'remove' })
})

test('removes only the tag where a kept tag has the same digest, or a kept index contains it', () => {
  const { tags } = chooseTags(stored({ new: 'index', twin: 'index', arch: 'child' }, { index: ['child'] }), kept(['new']))
  assert.deepEqual(actions(tags), { new: 'keep', twin: 'untag', arch: 'untag' })
  assert.deepEqual(
    tags.map(({ reason }) => reason),
    [undefined, 'the kept tag new has the same digest', 'a kept image contains its manifest'],
  )
})

test('reaches children through nested indexes', () => {
  const { needed } = chooseTags(stored({ new: 'a' }, { a: ['b'], b: ['c'] }), kept(['new']))
  assert.deepEqual([...needed].toSorted(), ['a', 'b', 'c'].map(digestOf).toSorted())
})

test('keeps every tag of an image that is named by digest only, and the manifest of a pinned tag', () => {
  const { tags } = chooseTags(stored({ any: 'a', moved: 'c', twin: 'b' }), kept(['moved'], ['a'], ['b']))
  assert.deepEqual(actions(tags), { any: 'keep', moved: 'keep', twin: 'untag' })
})

test('signatures, attestations, SBOMs and referrers follow their images', () => {
  const choice = chooseTags(
    stored(
      {
        new: 'index',
        old: 'old',
        [`${tagOf('index')}.sig`]: 'sig',
        [`${tagOf('child')}.att`]: 'att',
        [tagOf('sig')]: 'list',
        [`${tagOf('old')}.sig`]: 'old-sig',
        [`${tagOf('untagged')}.sbom`]: 'sbom',
        sbom: 'own-sbom',
        'old-sbom': 'gone-sbom',
      },
      { index: ['child'], list: ['countersignature'] },
      { 'own-sbom': 'child', 'gone-sbom': 'old' },
    ),
    kept(['new']),
  )
  assert.deepEqual(actions(choice.tags), {
    new: 'keep',
    old: 'remove',
    [`${tagOf('index')}.sig`]: 'keep',
    [`${tagOf('child')}.att`]: 'keep',
    [tagOf('sig')]: 'keep',
    [`${tagOf('old')}.sig`]: 'remove',
    [`${tagOf('untagged')}.sbom`]: 'remove',
    sbom: 'keep',
    'old-sbom': 'remove',
  })
  assert.ok(choice.needed.has(digestOf('countersignature')))
})

test('a spared tag keeps its manifests and signatures, and says why', () => {
  const repository = stored({ new: 'b', young: 'a', [`${tagOf('a')}.sig`]: 'sig' })
  const { tags } = chooseTags(repository, kept(['new']), new Map([['young', 'built today']]))
  assert.deepEqual(actions(tags), { new: 'keep', young: 'keep', [`${tagOf('a')}.sig`]: 'keep' })
  assert.equal(tags[1]?.reason, 'built today')
})

test('a tag without a manifest is removed as a tag only', () => {
  assert.deepEqual(chooseTags(stored({ new: 'b', lost: undefined }), kept(['new'])).tags[1], {
    tag: 'lost',
    action: 'untag',
    reason: 'the tag has no manifest',
  })
})

test('dates only tags that are not kept, have a manifest and are about no other', () => {
  const repository = stored({ new: 'b', old: 'a', lost: undefined, [`${tagOf('b')}.sig`]: 'sig' })
  assert.deepEqual(tagsToDate(repository, kept(['new'])), [{ tag: 'old', digest: digestOf('a') }])
})

test('never removes a manifest that a kept tag reaches', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd', 'e')
  // A manifest contains only later ones, as hashing has it.
  const children = fc.dictionary(name, fc.array(name, { maxLength: 3 }), { maxKeys: 5 })
  const tagName = fc.constantFrom('1', '2', '3', '4', ...['a', 'b', 'c'].map((one) => `${tagOf(one)}.sig`))
  fc.assert(
    fc.property(fc.dictionary(tagName, name), children, fc.uniqueArray(tagName), (tags, below, keep) => {
      const acyclic = Object.fromEntries(Object.entries(below).map(([parent, list]) => [parent, list.filter((child) => child > parent)]))
      const repository = stored(tags, acyclic)
      const choice = chooseTags(repository, kept(keep))
      const stays = choice.tags.filter(({ action }) => action === 'keep').flatMap(({ digest }) => digest ?? [])
      const goes = choice.tags.filter(({ action }) => action === 'remove').flatMap(({ digest }) => digest ?? [])
      const reached = reachedFrom(repository, stays)
      assert.ok(goes.every((digest) => !reached.has(digest)))
      assert.ok(choice.tags.every(({ tag, action }) => !keep.includes(tag) || action === 'keep'))
    }),
  )
})
