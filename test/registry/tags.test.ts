import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { parseNextLink } from '../../src/registry/pages.ts'
import { startDockerRegistry } from '../servers/docker-registry.ts'
import { processorTime } from '../servers/processor-time.ts'
import { requireServer } from '../servers/require-server.ts'
import { scriptedServer, type ScriptedHandler } from '../servers/scripted-server.ts'
import { seedRelease } from '../servers/seed-release.ts'
import { openRegistry } from './open-registry.ts'

const repository = { registry: 'docker.io', path: 'a/b' }

async function listed(handler: ScriptedHandler): Promise<{ readonly tags: readonly string[]; readonly urls: readonly string[] }> {
  await using server = await scriptedServer(handler)
  await using registry = openRegistry(server.url)
  const tags = await registry.listTags(repository)
  return { tags, urls: server.requests.map(({ url }) => url) }
}

function page(tags: unknown, ...links: readonly string[]): ScriptedHandler {
  return (_request, response) => {
    response.writeHead(200, ['content-type', 'application/json', ...links.flatMap((link) => ['link', link])])
    response.end(JSON.stringify({ name: 'a/b', tags }))
  }
}

/** One handler for each request, in turn. */
function inTurn(...pages: readonly ScriptedHandler[]): ScriptedHandler {
  return (request, response) => pages[request.index]?.(request, response)
}

// F105
test('follows relative and absolute links to pages, and returns each tag once', async () => {
  const { tags, urls } = await listed(
    inTurn(page(['1', '2'], '</v2/a/b/tags/list?n=2&last=2>; rel="next"'), page(['2', '3'], '<list?last=3%2B>; rel=next'), page(['4'])),
  )
  assert.deepEqual(tags, ['1', '2', '3', '4'])
  assert.deepEqual(urls, ['/v2/a/b/tags/list?n=1000', '/v2/a/b/tags/list?n=2&last=2', '/v2/a/b/tags/list?last=3%2B'])
})

// F105
test('uses the next link among several', async () => {
  const several = page(['1'], '</first>; rel="first", </v2/a/b/tags/list?last=1>; title="a, <b>"; rel="prev next"', '</last>; rel="last"')
  const { tags, urls } = await listed(inTurn(several, page(['2'])))
  assert.deepEqual(tags, ['1', '2'])
  assert.equal(urls[1], '/v2/a/b/tags/list?last=1')
})

// F105
test('rejects a page at another location without requesting it', async () => {
  await using other = await scriptedServer(page(['evil']))
  for (const link of [`${other.url}/v2/a/b/tags/list`, `//${other.host}/x`, 'https://127.0.0.1/x', 'http://169.254.169.254/x']) {
    await assert.rejects(listed(page(['1'], `<${link}>; rel="next"`)), { code: 'REFUSED_ADDRESS', side: 'source' }, link)
  }
  assert.equal(other.requests.length, 0)
})

// F105
test('rejects a loop of pages and endless pages', async () => {
  await assert.rejects(listed(page(['1'], '</v2/a/b/tags/list?n=1000>; rel="next"')), { code: 'PROTOCOL', message: /circular list/ })
  await assert.rejects(
    listed((request, response) => page(['1'], `</v2/a/b/tags/list?n=${request.index}>; rel="next"`)(request, response)),
    { code: 'PROTOCOL', message: /more than 1000 pages/ },
  )
})

test('rejects more than a million tags on any number of pages', async () => {
  const tags = (page: number): string[] => Array.from({ length: 600_000 }, (_, index) => `${page}${index}`)
  await assert.rejects(
    listed((request, response) => page(tags(request.index), `</v2/a/b/tags/list?n=${request.index}>; rel="next"`)(request, response)),
    { code: 'PROTOCOL', message: /more than 1000000 tags/ },
  )
})

test('returns no tags for null or an empty list', async () => {
  assert.deepEqual((await listed(page(null))).tags, [])
  assert.deepEqual((await listed(page([]))).tags, [])
  assert.deepEqual((await listed(page(['ok', '../x', 7, null, '']))).tags, ['ok'], 'invalid tags are omitted')
})

test('rejects an unknown repository, an HTML page and an invalid list', async () => {
  await assert.rejects(
    listed((_request, response) => void response.writeHead(404).end()),
    { code: 'NOT_FOUND' },
  )
  await assert.rejects(
    listed((_request, response) => void response.end('<html>')),
    { code: 'PROTOCOL' },
  )
  await assert.rejects(listed(page('latest')), { code: 'PROTOCOL' })
})

test('does not throw for any Link header', async () => {
  const piece = fc.constantFrom('<', '>', ';', ',', ' ', 'rel', '=', '"', 'next', '\\', '/a', 'x=y', 'é')
  fc.assert(
    fc.property(
      fc.array(
        fc.array(piece, { maxLength: 12 }).map((parts) => parts.join('')),
        { maxLength: 3 },
      ),
      (values) => {
        const link = parseNextLink(values)
        assert.ok(link === undefined || values.some((value) => value.includes(`<${link}>`) && value.includes('next')))
      },
    ),
  )
  const took = await processorTime(() => parseNextLink([`<a>${'; x="'.repeat(20_000)}`, `<a>;${' '.repeat(50_000)}!`]))
  assert.ok(took < 2000, `${took} ms`)
})

test('lists the tags of a docker-registry', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using server = await startDockerRegistry()
  const { images } = await seedRelease(server.url, { scale: 0.0001 })
  await using registry = openRegistry(server.url)
  for (const { repository: path, tag } of images) assert.deepEqual(await registry.listTags({ registry: 'docker.io', path }), [tag])
})
