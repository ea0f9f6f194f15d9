import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { bytesOfManifest, conforms, describe, digestOf, isRefused, pushedImage, type AskedRegistry } from './conformance.ts'

const noPages = 'it gives all tags, whatever it is asked'
const noReferrers = { notDocker: 'it knows no referrers' }
const tags = ['test2', 'Test1', 'test10', '_x', '1.10', '1.9']
const sorted = ['1.10', '1.9', 'Test1', '_x', 'test10', 'test2']

async function pushTags(registry: AskedRegistry): Promise<void> {
  const image = await pushedImage(registry)
  for (const tag of tags) assert.equal((await registry.putManifest(image, tag)).status, 201)
}

async function listTags({ call, name }: AskedRegistry, query = ''): Promise<{ tags: string[]; link: string | undefined }> {
  const answer = await call('GET', `/v2/${name}/tags/list${query}`)
  assert.equal(answer.status, 200)
  const list = answer.json() as { name: string; tags: string[] | null }
  assert.equal(list.name, name)
  return { tags: list.tags ?? [], link: answer.headers['link'] as string | undefined }
}

conforms('Listing tags', 'all tags', async (registry) => {
  await pushTags(registry)
  assert.deepEqual((await listTags(registry)).tags.toSorted(), sorted)
})

conforms(
  'Listing tags',
  'in the order of their bytes',
  async (registry) => {
    await pushTags(registry)
    assert.deepEqual((await listTags(registry)).tags, sorted)
  },
  { notDocker: 'it has no order' },
)

conforms(
  'Listing tags',
  '`n` bounds the list, `last` begins after a tag, and n=0 is empty without a Link',
  async (registry) => {
    await pushTags(registry)
    assert.deepEqual((await listTags(registry, '?n=3')).tags, sorted.slice(0, 3))
    assert.deepEqual((await listTags(registry, '?n=2&last=Test1')).tags, ['_x', 'test10'])
    assert.deepEqual((await listTags(registry, '?last=Test1')).tags, sorted.slice(3))
    assert.deepEqual((await listTags(registry, '?last=between')).tags, ['test10', 'test2'])
    assert.deepEqual(await listTags(registry, '?last=zzz'), { tags: [], link: undefined })
    assert.deepEqual(await listTags(registry, '?n=0'), { tags: [], link: undefined })
    assert.deepEqual(await listTags(registry, '?n=1000'), { tags: sorted, link: undefined })
    isRefused(await registry.call('GET', `/v2/${registry.name}/tags/list?n=-1`), 400, 'UNSUPPORTED')
  },
  { notDocker: noPages },
)

conforms(
  'Listing tags',
  'Link rel="next" leads through every tag once',
  async (registry) => {
    await pushTags(registry)
    const seen: string[] = []
    for (let query: string | undefined = '?n=2'; query !== undefined;) {
      const page = await listTags(registry, query)
      seen.push(...page.tags)
      query = page.link === undefined ? undefined : /^<[^?]*(\?[^>]*)>; *rel="next"$/.exec(page.link)?.[1]
      assert.ok(seen.length <= sorted.length)
    }
    assert.deepEqual(seen, sorted)
  },
  { notDocker: noPages },
)

conforms('Listing tags', 'a repository that does not exist is 404 NAME_UNKNOWN', async ({ call, name }) => {
  isRefused(await call('GET', `/v2/${name}/tags/list`), 404, 'NAME_UNKNOWN')
})

type ReferrerEntry = Record<string, unknown>

async function referrersOf(
  { call, name }: AskedRegistry,
  digest: string,
  type?: string,
): Promise<{ manifests: ReferrerEntry[]; filtered: unknown }> {
  const query = type === undefined ? '' : `?artifactType=${encodeURIComponent(type)}`
  const answer = await call('GET', `/v2/${name}/referrers/${digest}${query}`)
  assert.equal(answer.status, 200)
  assert.equal(answer.headers['content-type'], mediaTypes.ociIndex)
  const { schemaVersion, mediaType, manifests } = answer.json() as { schemaVersion: number; mediaType: string; manifests: ReferrerEntry[] }
  assert.deepEqual([schemaVersion, mediaType], [2, mediaTypes.ociIndex])
  return { manifests, filtered: answer.headers['oci-filters-applied'] }
}

/** How a referrers list has to describe a manifest. */
function entryOf(document: Record<string, unknown>, artifactType?: string): ReferrerEntry {
  const { annotations } = document
  return {
    ...describe(bytesOfManifest(document), String(document['mediaType'])),
    ...(artifactType !== undefined && { artifactType }),
    ...(annotations !== undefined && { annotations }),
  }
}

conforms(
  'Listing referrers',
  'none is an empty index, for an unknown digest and in an unknown repository; no digest is 400',
  async (registry) => {
    assert.deepEqual((await referrersOf(registry, digestOf(randomBytes(9)))).manifests, [])
    const image = await pushedImage(registry)
    await registry.putManifest(image, 'v1')
    assert.deepEqual((await referrersOf(registry, digestOf(bytesOfManifest(image)))).manifests, [])
    isRefused(await registry.call('GET', `/v2/${registry.name}/referrers/sha256:bad`), 400, 'DIGEST_INVALID')
  },
  noReferrers,
)

conforms(
  'Listing referrers',
  'pushed before and after their subject, described with type and annotations, filtered, and gone once deleted',
  async (registry) => {
    const [one, two] = ['application/vnd.example.v1', 'application/vnd.example.v2+json']
    const image = await pushedImage(registry)
    const subject = describe(bytesOfManifest(image), mediaTypes.ociManifest)
    const digest = String(subject['digest'])
    const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [], subject }
    const documents: [Record<string, unknown>, string | undefined][] = [
      [await pushedImage(registry, { subject, artifactType: one, annotations: { 'org.example': 'hello' } }), one],
      [await pushedImage(registry, { subject, artifactType: two }), two],
      [await pushedImage(registry, { subject, annotations: { a: 'b', c: 'd' } }), mediaTypes.ociConfig],
      [await pushedImage(registry, { subject, artifactType: '' }), mediaTypes.ociConfig],
      [{ ...index, artifactType: one, annotations: { of: 'index' } }, one],
      [index, undefined],
    ]
    for (const [at, [document]] of documents.entries()) {
      if (at === 3) assert.equal((await registry.putManifest(image, 'v1')).status, 201)
      assert.equal((await registry.putManifest(document, at === 0 ? 'tagged' : undefined)).status, 201)
    }
    const listed = async (type?: string): Promise<ReferrerEntry[]> => (await referrersOf(registry, digest, type)).manifests
    const entries = documents.map(([document, type]) => entryOf(document, type))
    const byDigest = (list: ReferrerEntry[]): ReferrerEntry[] =>
      list.toSorted((a, b) => (String(a['digest']) < String(b['digest']) ? -1 : 1))
    assert.deepEqual(byDigest(await listed()), byDigest(entries))
    for (const type of [one, two, mediaTypes.ociConfig, 'application/vnd.example.none'])
      assert.deepEqual(byDigest(await listed(type)), byDigest(entries.filter(({ artifactType }) => artifactType === type)))
    assert.equal((await referrersOf(registry, digest, one)).filtered, 'artifactType')
    assert.equal((await referrersOf(registry, digest)).filtered, undefined)

    assert.equal((await registry.call('DELETE', `/v2/${registry.name}/manifests/${String(entries[0]?.['digest'])}`)).status, 202)
    assert.deepEqual(byDigest(await listed()), byDigest(entries.slice(1)))
    assert.equal((await registry.call('DELETE', `/v2/${registry.name}/manifests/${digest}`)).status, 202)
    assert.deepEqual(byDigest(await listed()), byDigest(entries.slice(1)))
  },
  noReferrers,
)
