import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Inventory } from '../../src/registry-server/inventory.ts'
import type { PageFacts } from '../../src/registry-server/page-facts.ts'
import { renderTextPage } from '../../src/registry-server/text-page.ts'
import { tinyImage } from '../layout/tiny-image.ts'
import { plainRequest } from '../servers/http-request.ts'
import { startRegistry } from './start-registry.ts'

const { digest } = tinyImage().root.descriptor

const facts: PageFacts = {
  origin: new URL('https://registry.example.com:5000'),
  isWritable: false,
  hasPasswords: true,
  registry: 'localhost',
  lists: ['extra.txt'],
  nodeRegistries: 'mirrors: {}\n',
  nodeWarning: undefined,
  files: undefined,
  caCertificate: undefined,
}

const entry: Inventory['entries'][number] = {
  repository: { registry: 'docker.io', path: 'rancher/pause' },
  tag: '3.10',
  releases: ['v1.37.1+k3s1'],
  digest,
  size: 2_000_000,
  storedAt: undefined,
  platforms: ['linux/amd64'],
  absent: ['linux/arm64'],
  sizes: new Map(),
  isDamaged: false,
}

const inventory: Inventory = {
  entries: [entry, { ...entry, repository: { registry: 'localhost', path: 'app' }, absent: [], isDamaged: true }],
  repositories: 2,
  blobs: 4,
  bytes: 3_000_000,
  releases: new Map([['v1.37.1+k3s1', 2]]),
  changedAt: new Date(0),
}

function textOf(...args: Parameters<typeof renderTextPage>): string {
  const { body } = renderTextPage(...args)
  assert.ok(typeof body === 'string')
  return body
}

test('shows the images in columns and how to configure nodes', () => {
  assert.deepEqual(textOf(inventory, facts).split('\n'), [
    'Registry registry.example.com:5000: read-only, HTTPS, password required',
    '2 images in 2 repositories, 3 MB, last change 1970-01-01 00:00 UTC',
    'Images of v1.37.1+k3s1 (2 images), extra.txt',
    '',
    `IMAGE                         SIZE  ${'DIGEST'.padEnd(digest.length)}  PLATFORMS`,
    `docker.io/rancher/pause:3.10  2 MB  ${digest}  linux/amd64, (missing: linux/arm64)`,
    `app:3.10                      2 MB  ${digest}  linux/amd64, damaged`,
    '',
    'Configure nodes:',
    '  curl --fail --user <name> -o /etc/rancher/k3s/registries.yaml https://registry.example.com:5000/registries.yaml',
    'This registry requires a password: fill in "auth" in the file.',
    '',
  ])
})

test('an empty registry has no table and no node configuration', () => {
  const empty = { ...inventory, entries: [], repositories: 0, bytes: 0, releases: new Map(), changedAt: undefined }
  const text = textOf(empty, { ...facts, lists: [], nodeRegistries: undefined, hasPasswords: false })
  assert.equal(text, 'Registry registry.example.com:5000: read-only, HTTPS, no password\n0 images in 0 repositories, 0 B\n')
})

test('control characters of an image do not reach a terminal', () => {
  const evil = { ...entry, platforms: ['\u001b[31mlinux/\u202eamd64'] }
  assert.match(textOf({ ...inventory, entries: [evil] }, facts), /\ufffd\[31mlinux\/\ufffdamd64/)
})

test('browsers get HTML; curl, wget and clients without Accept get text', async () => {
  await using registry = await startRegistry()
  const typeFor = async (headers: Readonly<Record<string, string>>): Promise<unknown> => {
    const { status, headers: sent } = await plainRequest(registry.url, { headers })
    assert.deepEqual([status, sent.vary], [200, 'accept'])
    return sent['content-type']
  }
  const firefox = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'
  for (const accept of ['text/html', firefox, 'TEXT/HTML; q=0.5', 'text/plain;q=0.1, text/html;q=0.2'])
    assert.equal(await typeFor({ accept }), 'text/html; charset=utf-8', accept)
  for (const accept of ['*/*', '', 'application/json', 'text/plain', 'text/html;q=0', 'text/html;q=0.1, text/plain'])
    assert.equal(await typeFor({ accept }), 'text/plain; charset=utf-8', accept)
  assert.equal(await typeFor({}), 'text/plain; charset=utf-8')
})
