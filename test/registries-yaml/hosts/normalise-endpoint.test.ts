import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatGoUrl, GoUrlError, parseGoUrl } from '../../../src/registries-yaml/go/go-url.ts'
import { isLocalhost, normaliseEndpoint, tryNormaliseEndpoint } from '../../../src/registries-yaml/hosts/normalise-endpoint.ts'

interface EndpointCase {
  readonly endpoint: string
  readonly refused?: true
  readonly registry?: string
  readonly url?: string
  readonly overridePath?: boolean
}

const cases = JSON.parse(
  readFileSync(new URL('../../../fixtures/registries-yaml/endpoints.json', import.meta.url), 'utf8'),
) as readonly EndpointCase[]

test(`${cases.length} endpoints are normalised as in K3s`, () => {
  assert.ok(cases.length > 150)
  for (const { endpoint, ...expected } of cases) {
    const normalised = tryNormaliseEndpoint(endpoint)
    const { registry, url, overridePath } = normalised ?? {}
    assert.deepEqual(normalised === undefined ? { refused: true } : { registry, url, overridePath }, expected, JSON.stringify(endpoint))
  }
})

test('without a scheme only loopback with another port than 443 is http, and never the embedded registry', () => {
  const scheme = (endpoint: string, embedded?: string): string => normaliseEndpoint(endpoint, embedded).url.split(':')[0] ?? ''
  for (const endpoint of ['localhost:5000', 'localhost:80', '127.0.0.1:6443', '[::1]:5000', '127.9.9.9:1'])
    assert.equal(scheme(endpoint), 'http', endpoint)
  for (const endpoint of [
    'localhost',
    'localhost:443',
    '127.0.0.1',
    'registry:80',
    '10.0.0.1:5000',
    '[fd00::1]:5000',
    'LOCALHOST:5000',
    '[::1]',
  ])
    assert.equal(scheme(endpoint), 'https', endpoint)
  assert.equal(scheme('127.0.0.1:6443', '127.0.0.1:6443'), 'https')
})

test('localhost is recognized with and without a port', () => {
  for (const host of ['localhost', 'localhost:1', '127.0.0.1', '127.1.2.3:5', '::1', '[::1]:5', '::ffff:127.0.0.1'])
    assert.ok(isLocalhost(host), host)
  for (const host of ['localhost.localdomain', 'docker.io', '[::1]', '128.0.0.1', '', '*', 'fe80::1%eth0'])
    assert.ok(!isLocalhost(host), host)
})

test('a formatted URL is parsed to the same URL, and other errors never occur', () => {
  const part = fc.constantFrom(
    'http:',
    'https:',
    'x:',
    '//',
    '/',
    '@',
    ':',
    '5000',
    'host',
    '[',
    ']',
    '::1',
    '%25',
    '%zz',
    '%C3%A9',
    '?',
    'a=b',
    '#',
    ' ',
    'é',
    '"',
    '..',
    'v2',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(part).map((parts) => parts.join('')),
      ),
      (text) => {
        let formatted: string
        try {
          formatted = formatGoUrl(parseGoUrl(text))
        } catch (error) {
          assert.ok(error instanceof GoUrlError, String(error))
          return
        }
        if (!/^[a-z]+:\/\/[^/?#]/.test(formatted)) return
        assert.equal(formatGoUrl(parseGoUrl(formatted)), formatted)
      },
    ),
    { numRuns: 2000 },
  )
})
