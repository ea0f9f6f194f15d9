import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resolveChannel } from '../../src/release/channel.ts'
import { atOnce, fileServer, paths, testClient, type Answer } from './file-server.ts'

const collection = JSON.stringify({
  type: 'collection',
  links: { self: 'https://update.k3s.io/v1-release/channels' },
  actions: {},
  resourceType: 'channels',
  data: [
    { id: 'stable', type: 'channel', name: 'stable', latest: 'v1.36.3+k3s1' },
    { id: 'latest', type: 'channel', name: 'latest', latest: 'v1.37.1+k3s1', latestRegexp: '.*', excludeRegexp: '^[^+]+-' },
    { id: 'testing', type: 'channel', name: 'testing', latest: 'v1.38.0-rc1+k3s1' },
    { id: 'v1.16', type: 'channel', name: 'v1.16' },
    { id: 'v1.36', type: 'channel', name: 'v1.36', latest: 'v1.36.3+k3s1' },
    { id: 'odd', type: 'channel', name: 'odd', latest: '../../x' },
  ],
})
const redirect = (location: string): Answer => ({ status: 302, headers: { location } })
const page = 'https://github.com/k3s-io/k3s/releases/tag'

/** Resolves one channel against a server with these answers under /channels. */
async function resolve(
  name: string,
  answers: Readonly<Record<string, Answer>>,
): Promise<{ readonly tag: string; readonly asked: readonly string[] }> {
  await using server = await fileServer(answers)
  await using client = testClient()
  const tag = await resolveChannel(client, name, { channelUrl: `${server.url}/channels`, retry: atOnce })
  return { tag, asked: paths(server.requests) }
}

test('the tag is the last segment of the redirect, decoded, and the page is not opened', async () => {
  for (const location of [
    `${page}/v1.36.3+k3s1`,
    `${page}/v1.36.3%2Bk3s1`,
    `${page}/v1.36.3%2Bk3s1/`,
    '/releases/tag/v1.36.3+k3s1',
    'http://127.0.0.1:1/v1.36.3+k3s1',
  ]) {
    const { tag, asked } = await resolve('stable', { '/channels/stable': redirect(location) })
    assert.equal(tag, 'v1.36.3+k3s1', location)
    assert.deepEqual(asked, ['/channels/stable'])
  }
})

test('without a redirect the list of channels decides', async () => {
  for (const answer of [{ status: 404 }, { status: 405 }, { status: 200, body: collection }, { status: 200, body: '{}' }]) {
    const { tag, asked } = await resolve('v1.36', { '/channels/v1.36': answer, '/channels': collection })
    assert.equal(tag, 'v1.36.3+k3s1')
    assert.deepEqual(asked, ['/channels/v1.36', '/channels'])
  }
})

test('a moved channel server is followed', async () => {
  const { tag } = await resolve('stable', { '/channels/stable': redirect('/v2/stable'), '/v2/stable': redirect(`${page}/v1.36.3+k3s1`) })
  assert.equal(tag, 'v1.36.3+k3s1')
  await assert.rejects(resolve('stable', { '/channels/stable': redirect('/channels/stable') }), {
    code: 'PROTOCOL',
    message: /redirects in a loop/,
  })
})

test('suggests the nearest channels for an unknown one', async () => {
  await assert.rejects(resolve('testin', { '/channels': collection }), {
    code: 'CHANNEL_NOT_FOUND',
    message: /^channel "testin" not found at http:\/\/127\.0\.0\.1:\d+\/channels$/,
    hint: 'pass one of the known channels: testing, latest, stable, v1.16, v1.36, odd',
  })
  await assert.rejects(resolve('v1.99', { '/channels': { status: 500 } }), { code: 'CHANNEL_NOT_FOUND', hint: /stable, latest, testing/ })
  await assert.rejects(resolve('v1.99', {}), { code: 'CHANNEL_NOT_FOUND', hint: /stable, latest, testing/ })
})

test('a channel without a release, or with an odd one, is refused', async () => {
  await assert.rejects(resolve('v1.16', { '/channels': collection }), {
    code: 'CHANNEL_NOT_FOUND',
    message: /has no release$/,
  })
  await assert.rejects(resolve('odd', { '/channels': collection }), { code: 'PROTOCOL', message: /"odd" points to "\.\.\/\.\.\/x"/ })
})

test('rejects login pages, web pages and broken servers', async () => {
  await assert.rejects(resolve('stable', { '/channels/stable': redirect('https://login.example.com/?to=stable&session=canary') }), {
    code: 'PROTOCOL',
    message: /redirects to https:\/\/login\.example\.com\/\?to=REDACTED&session=REDACTED, which is not a release/,
  })
  await assert.rejects(resolve('stable', { '/channels/stable': '<html>', '/channels': '<html>' }), {
    code: 'PROTOCOL',
    message: /the list of channels is missing/,
  })
  await assert.rejects(resolve('stable', { '/channels/stable': { status: 403 }, '/channels': '[1]' }), { code: 'DENIED' })
  await assert.rejects(resolve('stable', { '/channels/stable': { status: 500 } }), { code: 'UNAVAILABLE' })
})

test('a channel server that is away is one clear line', async () => {
  const gone = await fileServer({})
  await gone[Symbol.asyncDispose]()
  await using client = testClient()
  await assert.rejects(resolveChannel(client, 'stable', { channelUrl: gone.url, retry: atOnce }), {
    code: 'UNREACHABLE',
    message: /^cannot connect to http:\/\/127/,
  })
})
