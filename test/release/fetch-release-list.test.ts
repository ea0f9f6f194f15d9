import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ListFetchOptions } from '../../src/release/fetch-file.ts'
import { fetchReleaseList, type CheckedList } from '../../src/release/fetch-release-list.ts'
import { atOnce, fileServer, fixture, paths, sha256Hex, testClient, type Answer } from './file-server.ts'

const tag = 'v1.37.1+k3s1'
const listPath = '/v1.37.1%2Bk3s1/k3s-images.txt'
const sumsPath = '/v1.37.1%2Bk3s1/sha256sum-amd64.txt'
const apiPath = '/api/tags/v1.37.1%2Bk3s1'
const list = await fixture('k3s-images.v1.37.1+k3s1.txt')
const sha256 = '377307d4039ccd04f0e27d2906595a8c7b7d49a79f7553c311f6f960ff3efb58'
const other = '0'.repeat(64)
const sums = (hash: string): string => `${other}  k3s\n${hash}  k3s-images.txt\n`
const sumsWithoutList = `${other}  k3s\n${other}  k3s-airgap-images-amd64.tar\n`
const release = (digest: unknown): string =>
  JSON.stringify({
    tag_name: tag,
    assets: [
      { name: 'k3s', digest: `sha256:${other}` },
      { name: 'k3s-images.txt', digest },
    ],
  })

interface Outcome extends CheckedList {
  readonly asked: readonly string[]
}

/** Fetches the list from a server with these answers; with `api`, that server is the release API too. */
async function fetchFrom(
  answers: Readonly<Record<string, Answer>>,
  options: Omit<ListFetchOptions, 'artifactUrl'> & { readonly api?: boolean } = {},
): Promise<Outcome> {
  await using server = await fileServer(answers)
  await using client = testClient()
  const releaseApiUrl = options.api === true ? `${server.url}/api` : undefined
  const checked = await fetchReleaseList(client, tag, { artifactUrl: server.url, retry: atOnce, releaseApiUrl, ...options })
  return { ...checked, asked: paths(server.requests) }
}

test('a list that the checksum file names must match it', async () => {
  const {
    images,
    list: facts,
    warnings,
    asked,
  } = await fetchFrom({ [listPath]: list, [sumsPath]: sums(sha256.toUpperCase()) }, { api: true })
  assert.equal(images.length, 8)
  assert.deepEqual(facts, { name: tag, sha256, coverage: 'checksum-file', release: tag, images: 8 })
  assert.deepEqual(warnings, [])
  assert.deepEqual([...asked].toSorted(), [listPath, sumsPath])
  await assert.rejects(fetchFrom({ [listPath]: list, [sumsPath]: sums(other) }), {
    code: 'CHECKSUM_MISMATCH',
    message: `${tag}: the checksum does not match: expected ${other} from sha256sum-amd64.txt, got ${sha256}`,
  })
})

test('a list that was cut short or changed is refused', async () => {
  await assert.rejects(fetchFrom({ [listPath]: list.subarray(0, 100), [sumsPath]: sums(sha256) }), { code: 'CHECKSUM_MISMATCH' })
  await assert.rejects(fetchFrom({ [listPath]: Buffer.concat([list, Buffer.from('NOT A REFERENCE\n')]), [sumsPath]: sums(sha256) }), {
    code: 'CHECKSUM_MISMATCH',
  })
})

test('the list and the checksum file are fetched side by side', async () => {
  const { scriptedServer } = await import('../servers/scripted-server.ts')
  const waiting: (() => void)[] = []
  await using server = await scriptedServer((request, response) => {
    waiting.push(() => response.end(request.url === listPath ? list : sums(sha256)))
    if (waiting.length === 2) for (const answer of waiting) answer()
  })
  await using client = testClient()
  const checked = await fetchReleaseList(client, tag, { artifactUrl: server.url, signal: AbortSignal.timeout(10_000) })
  assert.equal(checked.list.coverage, 'checksum-file')
})

test('where the checksum file does not name the list, the release API does', async () => {
  const answers = { [listPath]: list, [sumsPath]: sumsWithoutList }
  const { list: facts, warnings, asked } = await fetchFrom({ ...answers, [apiPath]: release(`sha256:${sha256}`) }, { api: true })
  assert.equal(facts.coverage, 'release-api')
  assert.deepEqual(warnings, [])
  assert.equal(asked.at(-1), apiPath)
  await assert.rejects(fetchFrom({ ...answers, [apiPath]: release(`sha256:${other}`) }, { api: true }), {
    code: 'CHECKSUM_MISMATCH',
    message: new RegExp(`expected ${other} from the release API, got ${sha256}`),
  })
})

test('a release API that does not know leaves the list uncovered, with a note', async () => {
  const cases: readonly (readonly [Answer, RegExp])[] = [
    [{ status: 403, headers: { 'x-ratelimit-remaining': '0' } }, /\(the rate limit of the release API is used up\)/],
    [{ status: 429, headers: { 'retry-after': '3600' } }, /\(the rate limit of the release API is used up\)/],
    [{ status: 403 }, /\(the release API answered HTTP 403\)/],
    [{ status: 404 }, /\(the release API answered HTTP 404\)/],
    [{ status: 500 }, /\(the release API did not answer \(UNAVAILABLE\)\)/],
    ['<html>', /\(the release API did not answer with JSON\)/],
    ['null', /\(the release API knows no digest of it\)/],
    [release(null), /\(the release API knows no digest of it\)/],
    [release(`sha512:${other}`), /\(the release API knows no digest of it\)/],
  ]
  for (const [answer, note] of cases) {
    const { list: facts, warnings } = await fetchFrom({ [listPath]: list, [sumsPath]: sumsWithoutList, [apiPath]: answer }, { api: true })
    assert.equal(facts.coverage, 'none')
    assert.equal(warnings.length, 1)
    assert.match(warnings[0] ?? '', note)
    assert.ok(warnings[0]?.includes(sha256))
  }
})

test('a release API that is away leaves the list uncovered, with a note', async () => {
  const gone = await fileServer({})
  await gone[Symbol.asyncDispose]()
  const { list: facts, warnings } = await fetchFrom({ [listPath]: list }, { releaseApiUrl: gone.url })
  assert.equal(facts.coverage, 'none')
  assert.match(warnings[0] ?? '', /the release API did not answer \(UNREACHABLE\)/)
})

test('warns that a list from another server is not verified, and prints its sha256', async () => {
  for (const answers of [{ [listPath]: list, [sumsPath]: sumsWithoutList }, { [listPath]: list }]) {
    const { list: facts, warnings, asked } = await fetchFrom(answers)
    assert.equal(facts.coverage, 'none')
    assert.deepEqual(warnings, [`the image list of ${tag} is not covered by a checksum; its sha256 is ${sha256}`])
    assert.equal(asked.length, 2)
  }
})

test('a given checksum pins the list, and the checksum file is still heard', async () => {
  const pinned = await fetchFrom({ [listPath]: list }, { listSha256: sha256, api: true })
  assert.equal(pinned.list.coverage, 'pinned')
  assert.deepEqual(pinned.warnings, [])
  assert.equal(pinned.asked.includes(apiPath), false)
  await assert.rejects(fetchFrom({ [listPath]: list, [sumsPath]: sums(sha256) }, { listSha256: other }), {
    code: 'CHECKSUM_MISMATCH',
    message: /expected 0000\w* from options\.listSha256/,
  })
  await assert.rejects(fetchFrom({ [listPath]: list, [sumsPath]: sums(other) }, { listSha256: sha256 }), {
    code: 'CHECKSUM_MISMATCH',
    message: /from sha256sum-amd64\.txt/,
  })
  const withoutFile = await fetchFrom({ [listPath]: list, [sumsPath]: { status: 500 } }, { listSha256: sha256 })
  assert.equal(withoutFile.list.coverage, 'pinned')
})

test('a checksum file that cannot be read or had is not taken for none', async () => {
  await assert.rejects(fetchFrom({ [listPath]: list, [sumsPath]: '<html>Sign in</html>' }), {
    code: 'CHECKSUM_MISMATCH',
    message: /sha256sum-amd64\.txt: line 1 is not/,
  })
  await assert.rejects(fetchFrom({ [listPath]: list, [sumsPath]: '' }), { code: 'CHECKSUM_MISMATCH' })
  await assert.rejects(fetchFrom({ [listPath]: list, [sumsPath]: `${sha256}  dist/artifacts/k3s-images.txt\n` }), {
    code: 'CHECKSUM_MISMATCH',
  })
  await assert.rejects(fetchFrom({ [listPath]: list, [sumsPath]: { status: 500 } }), {
    code: 'LIST_UNAVAILABLE',
    hint: /options\.listSha256/,
  })
  await assert.rejects(fetchFrom({ [listPath]: list, [sumsPath]: { status: 403 } }), { code: 'LIST_UNAVAILABLE', message: /HTTP 403/ })
})

test('a release that does not exist is not found', async () => {
  await assert.rejects(fetchFrom({}), {
    code: 'RELEASE_NOT_FOUND',
    message: /^K3s release v1\.37\.1\+k3s1 not found at http:\/\/127\.0\.0\.1:\d+\/v1\.37\.1%2Bk3s1\/k3s-images\.txt$/,
    hint: /channel such as stable/,
  })
  await assert.rejects(fetchFrom({ [listPath]: { status: 401 } }), { code: 'UNAUTHORIZED' })
})

test('a list that fails ends the wait for its checksum file', async () => {
  const { scriptedServer } = await import('../servers/scripted-server.ts')
  await using server = await scriptedServer((request, response) => {
    if (request.url === listPath) response.writeHead(404).end()
  })
  await using client = testClient()
  const pending = fetchReleaseList(client, tag, { artifactUrl: server.url, signal: AbortSignal.timeout(10_000) })
  await assert.rejects(pending, { code: 'RELEASE_NOT_FOUND' })
})

test('rejects releases before v1.17.4 without a request', async () => {
  await using server = await fileServer({})
  await using client = testClient()
  for (const old of ['v0.9.1', 'v1.0.1', 'v1.16.15+k3s1', 'v1.17.0+k3s.1', 'v1.17.3+k3s1']) {
    await assert.rejects(fetchReleaseList(client, old, { artifactUrl: server.url }), {
      code: 'LIST_UNAVAILABLE',
      message: `K3s release ${old} has no image list: only v1.17.4 and later have one`,
      hint: /options\.images/,
    })
  }
  assert.equal(server.requests.length, 0)
})

test('a captive portal that answers everything is a web page in place of the list', async () => {
  const page = '<!doctype html><title>Sign in</title>'
  await assert.rejects(fetchFrom({ [listPath]: page, [sumsPath]: page }), {
    code: 'INVALID_LIST',
    message: `${tag}: this is a web page, not an image list`,
  })
})

test('files behind redirects and busy servers are fetched', async () => {
  await using cdn = await fileServer({ '/list': list, '/sums': [{ status: 503 }, { body: sums(sha256) }] })
  const to = (path: string): Answer => ({ status: 302, headers: { location: `${cdn.url}${path}` } })
  const { list: facts } = await fetchFrom({ [listPath]: to('/list'), [sumsPath]: to('/sums') })
  assert.equal(facts.coverage, 'checksum-file')
})

test('a list of another registry is taken as it is', async () => {
  const ghcr = 'ghcr.io/k3s-io/klipper-lb:v0.5.0\nghcr.io/k3s-io/mirrored-pause:3.10.2\n'
  const { images } = await fetchFrom({ [listPath]: ghcr, [sumsPath]: sums(sha256Hex(ghcr)) })
  assert.deepEqual(
    images.map(({ registry, path }) => `${registry}/${path}`),
    ['ghcr.io/k3s-io/klipper-lb', 'ghcr.io/k3s-io/mirrored-pause'],
  )
})
