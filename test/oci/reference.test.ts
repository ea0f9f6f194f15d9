import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { isMirrorError } from '../../src/errors.ts'
import {
  atDigest,
  formatReference,
  formatRepository,
  isRegistry,
  isRepositoryPath,
  isTag,
  looksLikeHostPort,
  parseReference,
} from '../../src/oci/reference.ts'

const hex = 'ab'.repeat(32)
const digest = `sha256:${hex}`
const full = (text: string): string => formatReference(parseReference(text))

function refused(text: string): { readonly message: string; readonly hint: string | undefined } {
  try {
    parseReference(text)
  } catch (error) {
    if (isMirrorError(error) && error.code === 'INVALID_REFERENCE') return error
    throw error
  }
  throw new Error(`${JSON.stringify(text)} was accepted`)
}

const lists = new URL('../../fixtures/release/', import.meta.url)
for (const file of readdirSync(lists).filter((name) => name.endsWith('.txt'))) {
  test(`every reference of ${file} is read and written again`, () => {
    const lines = readFileSync(new URL(encodeURIComponent(file), lists), 'utf8').split('\n')
    const names = lines.map((line) => line.trim()).filter((line) => line !== '')
    assert.ok(names.length > 5)
    for (const name of names) {
      const first = name.slice(0, name.indexOf('/'))
      const complete = first.includes('.') ? name : name.includes('/') ? `docker.io/${name}` : `docker.io/library/${name}`
      assert.equal(full(name), complete)
    }
  })
}

// A4
test('an upper-case repository is refused, and the message says why', () => {
  assert.match(refused('Ubuntu:latest').message, /repository names are lower case/)
  assert.match(refused('docker.io/Rancher/x').message, /repository names are lower case/)
})

// A5
test('a bare name is of Docker Hub, with the tag latest', () => {
  assert.deepEqual(parseReference('alpine'), { registry: 'docker.io', path: 'library/alpine', tag: 'latest' })
  assert.equal(full('index.docker.io/alpine:3'), 'docker.io/library/alpine:3')
  assert.equal(full('docker.io/rancher/x'), 'docker.io/rancher/x:latest')
})

// A6
test('localhost is a host, with and without a port', () => {
  assert.deepEqual(parseReference('localhost/foo'), { registry: 'localhost', path: 'foo', tag: 'latest' })
  assert.deepEqual(parseReference('localhost:5000/foo:1'), { registry: 'localhost:5000', path: 'foo', tag: '1' })
  assert.equal(parseReference('Host/foo').registry, 'Host', 'an upper-case letter makes a host')
})

// A7
test('parses a bare host:port as a repository with a tag, and recognises it', () => {
  assert.equal(full('test.com:5000'), 'docker.io/library/test.com:5000')
  assert.ok(looksLikeHostPort('test.com:5000'))
  for (const text of ['alpine:3', 'test.com/a:5000', 'rancher/k3s:5000', 'a.b:v1']) assert.ok(!looksLikeHostPort(text), text)
})

// A8
test('where tag and digest stand together both are kept', () => {
  assert.deepEqual(parseReference(`a/b:tag@${digest}`), { registry: 'docker.io', path: 'a/b', tag: 'tag', digest })
  assert.equal(full(`a/b:tag@${digest}`), `docker.io/a/b:tag@${digest}`)
  assert.deepEqual(parseReference(`a/b@${digest}`), { registry: 'docker.io', path: 'a/b', digest }, 'a digest gets no default tag')
})

// A9
test('a digest of the wrong length, case or algorithm is refused', () => {
  for (const wrong of [
    `sha256:${hex.slice(1)}`,
    `sha256:${hex}a`,
    `sha256:${hex.toUpperCase()}`,
    `md5:${'a'.repeat(32)}`,
    'sha256:',
    `sha512:${hex}`,
  ]) {
    assert.match(refused(`a@${wrong}`).message, /its digest is not/)
  }
})

// A10
test('sha512 is accepted', () => {
  assert.equal(full(`a@sha512:${'0f'.repeat(64)}`), `docker.io/library/a@sha512:${'0f'.repeat(64)}`)
})

// A11
test('a tag has 128 characters at most and starts with no dot or dash', () => {
  assert.equal(parseReference(`a:${'t'.repeat(128)}`).tag?.length, 128)
  for (const tag of ['t'.repeat(129), '.t', '-t', '', 'a+b', 'a/']) refused(`a/b:${tag}`)
})

// A12
test('a name has 255 characters at most', () => {
  assert.equal(parseReference(`example.com/${'n'.repeat(255)}`).path.length, 255)
  assert.match(refused(`example.com/${'n'.repeat(256)}`).message, /longer than 255/)
  assert.deepEqual([isRepositoryPath('n'.repeat(255)), isRepositoryPath('n'.repeat(256))], [true, false])
})

// A13
test('paths that a URL would resolve or a server decode are refused', () => {
  for (const text of [
    'a//b',
    'a/../b',
    'a/./b',
    '/a',
    'a/',
    '%2e%2e/a',
    'a/%2e%2e/b',
    'example.com/../a',
    '..',
    '.',
    'a_-b',
    'a..b',
    'a___b',
    '-a',
    'a-',
    'example.com//a',
    'a?b',
    'a#b',
    'a\\b',
  ]) {
    refused(text)
  }
  assert.equal(full('a/b__c/d--e.f_g:1'), 'docker.io/a/b__c/d--e.f_g:1')
})

// A14
test('a scheme is refused with a hint', () => {
  for (const text of ['docker://a', 'https://a/b', 'HTTP://a/b', 'oci-archive://x']) {
    const { message, hint } = refused(text)
    assert.match(message, /it has a scheme/)
    assert.match(hint ?? '', /without http:\/\//)
  }
})

// A15
test('credentials are refused and the password is not repeated', () => {
  for (const text of [
    'user:canary-pw@host/a',
    'https://user:canary-pw@host/a',
    'user:canary-pw@host.com:5000/a:1',
    `user:canary-pw@host/a@${digest}`,
  ]) {
    const { message, hint } = refused(text)
    assert.doesNotMatch(`${message} ${hint}`, /canary/)
  }
})

// A16
test('an IPv6 host stands in brackets', () => {
  assert.deepEqual(parseReference('[::1]:5000/a:1'), { registry: '[::1]:5000', path: 'a', tag: '1' })
  assert.equal(full('[fd00::7]/rancher/x:2'), '[fd00::7]/rancher/x:2')
  for (const text of ['[::1/a', '[::g]/a', '::1/a', '[1.2.3.4]/a', '[::1]x/a']) refused(text)
})

// A17
test('control characters are refused and shown as escapes', () => {
  const { message } = refused('a\u001b[31m/b\0\r\n')
  assert.match(message, /a\\x1b\[31m\/b\\x00\\x0d\\x0a/)
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  assert.doesNotMatch(message, /[\x00-\x1f]/)
  for (const text of ['a b', 'a\tb', 'a\u007f', ' a']) refused(text)
})

// A18
test('a host or name beyond ASCII is refused', () => {
  for (const text of ['dоcker.io/a', 'exämple.com/a', 'rancher/ｘ', 'a\u200bb']) assert.match(refused(text).message, /non-ASCII/)
  assert.equal(full('xn--exmple-cua.com/a:1'), 'xn--exmple-cua.com/a:1')
})

test('a host that no URL can have is refused', () => {
  for (const host of ['1.2.3.999', '256.256.256.256', 'a..b', '-a.com', 'a-.com', 'a.com:99999', 'a.com:', 'a.com:x']) {
    assert.equal(isRegistry(host), false, host)
    refused(`${host}/a`)
  }
})

test('a long reference is cut in the message', () => {
  assert.ok(refused(`${'A'.repeat(5000)}/b c`).message.length < 500)
})

const alphanumeric = fc.stringMatching(/^[a-z0-9]{1,6}$/)
const component = fc
  .tuple(alphanumeric, fc.array(fc.tuple(fc.constantFrom('.', '_', '__', '-', '--'), alphanumeric), { maxLength: 2 }))
  .map(([first, rest]) => first + rest.flat().join(''))
const path = fc.array(component, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'))
const registry = fc.oneof(
  fc.constantFrom('docker.io', 'ghcr.io', 'localhost', 'localhost:5000', '[::1]:5000', '127.0.0.1:5000', 'Registry.example.com:443'),
  fc.tuple(fc.stringMatching(/^[a-z][a-z0-9]{0,5}$/), fc.integer({ min: 1, max: 65535 })).map(([name, port]) => `${name}.example:${port}`),
)
const tag = fc.stringMatching(/^\w[\w.-]{0,20}$/)
const digests = fc.oneof(
  fc.stringMatching(/^[0-9a-f]{64}$/).map((text) => `sha256:${text}`),
  fc.stringMatching(/^[0-9a-f]{128}$/).map((text) => `sha512:${text}`),
)

test('a reference that is written is read as the same', () => {
  fc.assert(
    fc.property(registry, path, fc.option(tag), fc.option(digests), (host, name, tag, digest) => {
      const repository = host === 'docker.io' && !name.includes('/') ? `library/${name}` : name
      const text = `${host}/${repository}${tag === null ? '' : `:${tag}`}${digest === null ? '' : `@${digest}`}`
      const reference = parseReference(text)
      assert.equal(reference.registry, host)
      assert.equal(reference.path, repository)
      assert.equal(reference.tag, tag ?? (digest === null ? 'latest' : undefined))
      assert.equal(reference.digest, digest ?? undefined)
      assert.deepEqual(parseReference(formatReference(reference)), reference)
    }),
  )
})

test('whatever is accepted keeps its place in a URL, and the rest is INVALID_REFERENCE', () => {
  const piece = fc.constantFrom(
    'a',
    'B',
    '0',
    '/',
    ':',
    '@',
    '.',
    '..',
    '-',
    '_',
    '%2e',
    '[',
    ']',
    '::1',
    'localhost',
    'x.io',
    '?',
    '#',
    '\\',
    '\r',
    '\0',
    'é',
    digest,
    'xn--',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(piece, { maxLength: 8 }).map((parts) => parts.join('')),
      ),
      (text) => {
        let reference
        try {
          reference = parseReference(text)
        } catch (error) {
          assert.ok(isMirrorError(error) && error.code === 'INVALID_REFERENCE', String(error))
          return
        }
        assert.ok(isRegistry(reference.registry) && isRepositoryPath(reference.path))
        assert.ok(reference.tag === undefined || isTag(reference.tag))
        const url = new URL(`https://${reference.registry}/v2/${reference.path}/manifests/${reference.digest ?? reference.tag}`)
        assert.equal(url.pathname, `/v2/${reference.path}/manifests/${reference.digest ?? reference.tag}`)
        assert.deepEqual(parseReference(formatReference(reference)), reference)
      },
    ),
    { numRuns: 2000 },
  )
})

test('a repository is written without tag, and put at a digest without one', () => {
  const reference = parseReference(`ghcr.io/a/b:1@${digest}`)
  assert.equal(formatRepository(reference), 'ghcr.io/a/b')
  assert.deepEqual(atDigest(reference, 'sha256:x'), { registry: 'ghcr.io', path: 'a/b', digest: 'sha256:x' })
})

test('a reference longer than any can be is refused, and its message shows no part of a password', () => {
  assert.match(refused(`a/${'b'.repeat(1023)}`).message, /it is longer than 1024 characters/)
  assert.equal(isRegistry(`${'a.'.repeat(130)}com`), false)
  for (const text of [`user:canary-${'w'.repeat(2000)}@host/a`, `host/user:canary-${'w'.repeat(300)}@host/a b`])
    assert.doesNotMatch(refused(text).message, /canary/)
})
