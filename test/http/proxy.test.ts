import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MirrorError } from '../../src/errors.ts'
import { checkProxies, formatProxy, proxyAuthorization, proxyFor } from '../../src/http/proxy.ts'

const proxy = { HTTPS_PROXY: 'http://secure.proxy:3128', HTTP_PROXY: 'http://plain.proxy:3128' }

function through(url: string, noProxy?: string): boolean {
  return proxyFor(new URL(url), { ...proxy, ...(noProxy !== undefined && { NO_PROXY: noProxy }) }) !== undefined
}

test('the scheme of the URL chooses the variable, and lower case wins', () => {
  const host = (url: string, environment: Record<string, string>): string | undefined => proxyFor(new URL(url), environment)?.url.host
  assert.equal(host('https://a.example/', proxy), 'secure.proxy:3128')
  assert.equal(host('http://a.example/', proxy), 'plain.proxy:3128')
  assert.equal(host('https://a.example/', { ...proxy, https_proxy: 'http://other:1' }), 'other:1')
  assert.equal(host('https://a.example/', { ...proxy, https_proxy: '' }), 'secure.proxy:3128')
  assert.equal(host('https://a.example/', { HTTP_PROXY: 'http://plain.proxy' }), undefined)
  assert.equal(host('https://a.example/', {}), undefined)
  assert.equal(host('https://a.example/', { HTTPS_PROXY: 'bare.proxy:8080' }), 'bare.proxy:8080')
  assert.equal(proxyFor(new URL('https://a.example/'), { HTTPS_PROXY: 'https://p' })?.url.protocol, 'https:')
})

// F101
test('NO_PROXY exempts hosts, subdomains, addresses and networks, with or without a port', () => {
  const cases: readonly (readonly [noProxy: string, exempt: readonly string[], proxied: readonly string[]])[] = [
    [
      'example.com',
      ['https://example.com/', 'https://a.b.example.com/', 'https://EXAMPLE.com./'],
      ['https://notexample.com/', 'https://example.com.evil/'],
    ],
    ['.example.com', ['https://a.example.com/', 'https://example.com/'], ['https://notexample.com/']],
    ['*.example.com', ['https://a.example.com/'], ['https://xexample.com/']],
    ['Example.COM:5000', ['http://a.example.com:5000/'], ['https://example.com/', 'https://example.com:5001/']],
    ['example.com:443', ['https://example.com/'], ['http://example.com/']],
    ['a.example , b.example c.example,', ['https://a.example/', 'https://b.example/', 'https://c.example/'], ['https://d.example/']],
    [
      '10.0.0.0/8',
      ['https://10.1.2.3/', 'http://10.255.0.1:5000/'],
      ['https://11.0.0.1/', 'https://[fd00::1]/', 'https://a.10.0.0.1.example/'],
    ],
    ['10.1.2.3', ['https://10.1.2.3/'], ['https://10.1.2.4/']],
    ['10.1.2.3:5000', ['https://10.1.2.3:5000/'], ['https://10.1.2.3/']],
    ['0.0.0.0/0', ['https://8.8.8.8/'], ['https://a.example/', 'https://[2001:db8::1]/']],
    ['fd00::/8', ['https://[fd12::1]:5000/'], ['https://[2001:db8::1]/', 'https://10.0.0.1/']],
    ['2001:db8::1', ['https://[2001:db8::1]/'], ['https://[2001:db8::2]/']],
    ['2001:DB8:0:0::1', ['https://[2001:db8::1]/'], []],
    ['[2001:db8::1]', ['https://[2001:db8::1]/'], []],
    ['[2001:db8::1]:5000', ['https://[2001:db8::1]:5000/'], ['https://[2001:db8::1]/']],
    ['*', ['https://a.example/', 'https://8.8.8.8/', 'http://[2001:db8::1]/'], []],
    ['10.0.0.0/33, 10.0.0.0/x, a/8, /, :, ., 300.0.0.0/8', [], ['https://10.0.0.1/', 'https://a.example/']],
    ['', [], ['https://a.example/']],
  ]
  for (const [noProxy, exempt, proxied] of cases) {
    for (const url of exempt) assert.equal(through(url, noProxy), false, `${url} with NO_PROXY=${noProxy}`)
    for (const url of proxied) assert.equal(through(url, noProxy), true, `${url} with NO_PROXY=${noProxy}`)
  }
  assert.equal(proxyFor(new URL('https://a.example'), { ...proxy, NO_PROXY: 'a.example', no_proxy: 'b.example' })?.url.port, '3128')
})

test('loopback is never proxied, and what only looks like it is', () => {
  for (const host of ['localhost', 'a.localhost', '127.0.0.1', '127.9.9.9', '[::1]', '[::ffff:127.0.0.1]'])
    assert.equal(through(`http://${host}:5000/`), false, host)
  for (const host of ['127.example.com', 'localhost.example.com', '128.0.0.1']) assert.equal(through(`http://${host}/`), true, host)
})

test('ALL_PROXY is used where the variable of the scheme is not set', () => {
  const named = (url: string, environment: Record<string, string>): string | undefined => {
    const found = proxyFor(new URL(url), environment)
    return found && formatProxy(found)
  }
  assert.equal(named('https://a.example/', { all_proxy: 'http://u:s3cret@all:1' }), 'the proxy http://all:1 (all_proxy)')
  assert.equal(named('http://a.example/', { ALL_PROXY: 'all:1' }), 'the proxy http://all:1 (ALL_PROXY)')
  assert.equal(named('https://a.example/', { ...proxy, ALL_PROXY: 'http://all:1' }), 'the proxy http://secure.proxy:3128 (HTTPS_PROXY)')
  assert.equal(named('https://a.example/', { ALL_PROXY: 'http://all:1', NO_PROXY: 'a.example' }), undefined)
})

test('an unsupported proxy is refused before any request, with what is supported', () => {
  for (const [variable, value, scheme] of [
    ['HTTPS_PROXY', 'socks5://u:s3cret@host:1080', 'socks5'],
    ['http_proxy', 'socks5h://host:1080', 'socks5h'],
    ['all_proxy', 'socks://host:1080', 'socks'],
    ['ALL_PROXY', 'ftp://host', 'ftp'],
  ] as const) {
    assert.throws(() => checkProxies({ [variable]: value }), {
      code: 'INVALID_CONFIG',
      message: `${variable} names a ${scheme}:// proxy, which is unsupported`,
      hint: `set ${variable} to http://<host>:<port> or http://<user>:<password>@<host>:<port> (https:// for a proxy with TLS), or unset it`,
    })
  }
  checkProxies({ HTTPS_PROXY: 'http://p:1', HTTP_PROXY: 'p:1', ALL_PROXY: 'socks5://never-used' })
})

test('an invalid proxy URL is INVALID_CONFIG, and its password is not shown', () => {
  for (const value of ['socks5://u:s3cret@host:1080', 'http://', 'u:s3cret@:80', 'http://u:s3cret@ho st/']) {
    assert.throws(
      () => proxyFor(new URL('https://a.example/'), { HTTPS_PROXY: value }),
      (error: unknown) =>
        error instanceof MirrorError && error.code === 'INVALID_CONFIG' && !`${error.message}${error.hint}`.includes('s3cret'),
      value,
    )
  }
})

test('credentials of the proxy are decoded, and a percent sign of their own does no harm', () => {
  const decoded = (url: string): string | undefined => {
    const header = proxyAuthorization({ url: new URL(url), variable: 'HTTPS_PROXY' })
    return header === undefined ? undefined : Buffer.from(header.replace(/^Basic /, ''), 'base64').toString()
  }
  assert.equal(decoded('http://proxy'), undefined)
  assert.equal(decoded('http://us%40er:p%3Ass@proxy'), 'us@er:p:ss')
  assert.equal(decoded('http://user@proxy'), 'user:')
  assert.equal(decoded('http://user:100%@proxy'), 'user:100%')
  assert.equal(decoded('http://%C3%BCser:p@proxy'), 'üser:p')
})
