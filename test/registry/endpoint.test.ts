import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { isMirrorError } from '../../src/errors.ts'
import { isRepositoryPath } from '../../src/oci/reference.ts'
import { apiUrl, defaultEndpoint, parseEndpoint } from '../../src/registry/endpoint.ts'

const parsed = (text: string): string => {
  const { origin, prefix } = parseEndpoint(text)
  return `${origin.origin}/${prefix}`
}

// C33
test('defaults to https, and to http only for a loopback host with an explicit port', () => {
  assert.equal(parsed('registry.example.com'), 'https://registry.example.com/')
  assert.equal(parsed('registry.example.com:5000'), 'https://registry.example.com:5000/')
  assert.equal(parsed('localhost:5000'), 'http://localhost:5000/')
  assert.equal(parsed('127.0.0.1:5000'), 'http://127.0.0.1:5000/')
  assert.equal(parsed('[::1]:5000'), 'http://[::1]:5000/')
  assert.equal(parsed('localhost:443'), 'https://localhost/')
  assert.equal(parsed('localhost'), 'https://localhost/')
  assert.equal(parsed('HTTP://Registry.example.com:80/'), 'http://registry.example.com/')
})

test('uses a path as the prefix of every repository, without the v2 of the API', () => {
  assert.equal(parsed('https://h.example/a/b/'), 'https://h.example/a/b/')
  assert.equal(parsed('https://h.example/v2/'), 'https://h.example/')
  assert.equal(parsed('https://h.example/v2/a'), 'https://h.example/a/')
  assert.equal(apiUrl(parseEndpoint('http://h.example:1/a'), 'b/c', 'tags/list').href, 'http://h.example:1/v2/a/b/c/tags/list')
})

test('rejects an invalid endpoint with a usage error that contains no password', () => {
  for (const text of [
    '',
    '/',
    'http://',
    'ftp://a.example',
    'https://u:canary@a.example',
    'u:canary@a.example/x',
    'a.example/B',
    'a.example/../b',
    'a.example/%2e',
    'a.example?x',
    'a.example/a?x=1',
    'a b',
    'a.example:99999',
    'https://1.2.3.999',
    'http://[::g]',
    'https://é.example',
  ]) {
    assert.throws(
      () => parseEndpoint(text),
      (error) => isMirrorError(error) && error.code === 'USAGE' && !error.message.includes('canary'),
      text,
    )
  }
})

// C42
test('reads Docker Hub from its API host, and any other registry from its own name', () => {
  assert.equal(defaultEndpoint('docker.io').origin.origin, 'https://registry-1.docker.io')
  assert.equal(defaultEndpoint('ghcr.io').origin.origin, 'https://ghcr.io')
})

test('returns an endpoint or a usage error for any text', () => {
  const piece = fc.constantFrom(
    'http://',
    'https://',
    'a',
    '.',
    '/',
    ':',
    '5000',
    '@',
    '[',
    '::1',
    ']',
    'v2',
    '..',
    '%',
    '?',
    '#',
    'xn--',
    '1.2',
    'é',
    '\\',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(piece, { maxLength: 8 }).map((parts) => parts.join('')),
      ),
      (text) => {
        try {
          const { origin, prefix } = parseEndpoint(text)
          assert.ok(/^https?:$/.test(origin.protocol) && origin.pathname === '/' && origin.username === '' && origin.search === '')
          assert.ok(prefix === '' || (prefix.endsWith('/') && isRepositoryPath(prefix.slice(0, -1))))
          assert.deepEqual(parseEndpoint(`${origin.origin}/${prefix}`), { origin, prefix: prefix === 'v2/' ? '' : prefix })
        } catch (error) {
          assert.ok(isMirrorError(error) && error.code === 'USAGE', String(error))
        }
      },
    ),
    { numRuns: 2000 },
  )
})

test('forms of other tools, one slash and a port out of range are named, with what to pass', () => {
  for (const [text, why, hint] of [
    ['oci-layout:site', 'unsupported transport oci-layout', 'pass oci:site for an OCI layout'],
    ['ocidir:site', 'unsupported transport ocidir', 'pass oci:site for an OCI layout'],
    ['dir:/srv/site', 'unsupported transport dir', 'pass oci:/srv/site for an OCI layout'],
    ['oci-archive:x.tar', 'unsupported transport oci-archive', 'run bundle create x.tar to write an archive'],
    ['http:/a.example:1', 'expected http:// before the host', 'pass http://a.example:1'],
    ['a.example:99999', 'port 99999 is greater than 65535', undefined],
  ] as const) {
    assert.throws(
      () => parseEndpoint(text, 'options.to'),
      (error) => {
        assert.ok(isMirrorError(error))
        assert.equal(error.message, `invalid options.to "${text}": ${why}`)
        if (hint !== undefined) assert.equal(error.hint, hint)
        return true
      },
    )
  }
  assert.equal(parsed('dir:5000/a'), 'https://dir:5000/a/')
})
