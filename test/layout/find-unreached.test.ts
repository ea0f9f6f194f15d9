import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Catalogue } from '../../src/layout/catalogue.ts'
import { findUnreached } from '../../src/layout/find-unreached.ts'
import { Parents } from '../../src/layout/parents.ts'
import { sha256 } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'

const repository = { registry: 'docker.io', path: 'rancher/x' }
const digests = Array.from({ length: 12 }, (_, at) => sha256(Buffer.from(String(at))))
const numbers = fc.uniqueArray(fc.nat(digests.length - 1), { maxLength: 4 })

test('whatever refers to what, exactly that is unreached which no tag, expected or recent manifest leads to', () => {
  const graph = fc.record({
    // Manifest i refers to smaller numbers only, as hashes make it.
    children: fc.array(numbers, { minLength: digests.length, maxLength: digests.length }),
    subjects: fc.array(fc.option(fc.nat(digests.length - 1)), { minLength: digests.length, maxLength: digests.length }),
    tagged: numbers,
    expected: numbers,
    recent: numbers,
    companions: fc.array(fc.tuple(fc.nat(digests.length - 1), fc.nat(digests.length - 1)), { maxLength: 3 }),
  })
  fc.assert(
    fc.property(graph, ({ children, subjects, tagged, expected, recent, companions }) => {
      const [catalogue, parents] = [new Catalogue(), new Parents()]
      const edges: [from: number, to: number][] = []
      for (const [at, digest] of digests.entries()) {
        const below = (children[at] ?? []).filter((child) => child < at)
        const subject = subjects[at] ?? at
        catalogue.add(repository, {
          descriptor: { digest, mediaType: mediaTypes.ociIndex, size: 1 },
          ...(subject < at && { subject: digests[subject] }),
        })
        const manifests = below.map((child) => ({ digest: digests[child] ?? digest, mediaType: mediaTypes.ociManifest, size: 1 }))
        parents.add(digest, { mediaType: mediaTypes.ociIndex, manifests, blobs: [], elsewhere: [] })
        for (const child of below) edges.push([at, child])
        if (subject < at) edges.push([subject, at])
      }
      for (const at of tagged) catalogue.tag(repository, `v${at}`, digests[at] ?? sha256(Buffer.from('')))
      for (const [about, at] of companions) {
        const tag = `${digests[about]?.replace(':', '-')}.sig`
        if (catalogue.of(repository)?.tags.has(tag) === true) continue
        catalogue.tag(repository, tag, digests[at] ?? sha256(Buffer.from('')))
        edges.push([about, at])
      }
      const reachFrom = (roots: readonly number[]): ReadonlySet<number> => {
        const reached = new Set(roots)
        for (let before = -1; before !== reached.size;) {
          before = reached.size
          for (const [from, to] of edges) if (reached.has(from)) reached.add(to)
        }
        return reached
      }
      const certain = reachFrom([...tagged, ...expected])
      const isTop = (at: number): boolean => edges.every(([from, to]) => to !== at || certain.has(from))
      const all = reachFrom([...certain, ...recent.filter((at) => !certain.has(at) && isTop(at))])

      const found = catalogue.of(repository)
      assert.ok(found)
      const at = (digest: string): number => digests.indexOf(digest as (typeof digests)[number])
      const { manifests, tags, held } = findUnreached(found, {
        parents,
        pinned: [],
        isExpected: (digest) => expected.includes(at(digest)),
        isRecent: (digest) => recent.includes(at(digest)),
      })
      const expectedGone = [...digests.keys()].filter((number) => !all.has(number))
      assert.deepEqual(
        manifests.map(({ descriptor }) => at(descriptor.digest)),
        expectedGone,
      )
      assert.equal(held, all.size - reachFrom(tagged).size)
      for (const tag of tags) assert.ok(expectedGone.includes(at(found.tags.get(tag) ?? '')))
    }),
  )
})
