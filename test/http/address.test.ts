import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressRefusal, isForbiddenHost, isLinkLocal, isLoopback, isMetadata, isPrivate, isUnspecified } from '../../src/http/address.ts'

/** What a URL makes of a host, odd spellings included. */
function hostname(host: string): string {
  return new URL(`http://${host}/`).hostname
}

const cases: readonly (readonly [test: (hostname: string) => boolean, inside: readonly string[], outside: readonly string[]])[] = [
  [
    isLoopback,
    [
      '127.0.0.1',
      '127.255.0.9',
      '0x7f.1',
      '2130706433',
      '0177.0.0.1',
      '127.1',
      '[::1]',
      '[::ffff:127.0.0.1]',
      '[::ffff:7f00:1]',
      'localhost',
      'LOCALHOST.',
      'a.localhost',
      '[64:ff9b::127.0.0.1]',
    ],
    ['128.0.0.1', '[::2]', 'localhost.example.com', 'notlocalhost', '[::ffff:8.8.8.8]'],
  ],
  [
    isPrivate,
    [
      '10.1.2.3',
      '172.16.0.1',
      '172.31.255.255',
      '192.168.1.1',
      '100.64.0.1',
      '[fd12::1]',
      '[fc00::1]',
      '[fec0::1]',
      '[::ffff:10.0.0.1]',
      '[::10.0.0.1]',
      '[2002:0a00:0001::1]',
      '0xa000001',
    ],
    ['172.32.0.1', '11.0.0.1', '100.128.0.1', '[2001:db8::1]', 'example.com', '[2002:0800:0001::1]'],
  ],
  [isLinkLocal, ['169.254.169.254', '[fe80::1]', '[febf::1]', '[::ffff:169.254.1.1]', '0xa9fea9fe'], ['169.253.1.1', '[fec0::1]']],
  [isUnspecified, ['0.0.0.0', '0', '0.1.2.3', '[::]', '[::ffff:0.0.0.0]'], ['1.0.0.0', '[::1]']],
  [
    isMetadata,
    ['100.100.100.200', '168.63.129.16', '[fd00:ec2::254]', 'metadata.google.internal', 'Metadata.Google.Internal.'],
    ['100.100.100.201', 'metadata.example.com'],
  ],
]

for (const [check, inside, outside] of cases) {
  test(`${check.name} recognizes its addresses in every notation`, () => {
    for (const host of inside) assert.equal(check(hostname(host)), true, host)
    for (const host of outside) assert.equal(check(hostname(host)), false, host)
  })
}

test('a server cannot redirect a client into a network that it is not in', () => {
  const refusal = (to: string, from: string): string | undefined => addressRefusal(new URL(to), { url: new URL(from) })
  assert.equal(refusal('https://cdn.example.net/x', 'https://registry.example.com'), undefined)
  assert.match(refusal('https://10.0.0.1/x', 'https://registry.example.com') ?? '', /private/)
  assert.match(refusal('http://localhost:1/x', 'https://registry.example.com') ?? '', /loopback/)
  assert.match(refusal('http://127.0.0.1/x', 'http://10.0.0.1') ?? '', /loopback/)
  assert.equal(refusal('http://10.0.0.1:6000/x', 'http://10.0.0.1:5000'), undefined)
  assert.equal(refusal('http://10.0.0.2/x', 'http://10.0.0.1'), undefined)
  assert.equal(refusal('http://10.0.0.2/x', 'http://127.0.0.1'), undefined)
  assert.equal(refusal('http://127.0.0.1:6000/x', 'http://localhost:5000'), undefined)
  // even the host itself does not make these right
  assert.match(refusal('http://169.254.169.254/x', 'http://169.254.169.254') ?? '', /link-local/)
  assert.match(refusal('http://0.0.0.0/x', 'http://127.0.0.1') ?? '', /unspecified/)
  assert.match(refusal('http://[fd00:ec2::254]/x', 'http://10.0.0.1') ?? '', /metadata/)
  assert.equal(isForbiddenHost('169.254.169.254'), true)
  assert.equal(isForbiddenHost('127.0.0.1'), false)
})

test('a name is as local as its address, and listed hosts are trusted, but never cloud metadata addresses', () => {
  const to = new URL('http://10.0.0.2:9000/x')
  const from = { url: new URL('http://registry.example.com:5000') }
  assert.match(addressRefusal(to, from) ?? '', /private/)
  for (const address of ['10.1.2.3', '::ffff:10.1.2.3', '192.168.1.1', 'fd12::1', '127.0.0.1']) {
    assert.equal(addressRefusal(to, { ...from, address }), undefined, address)
  }
  assert.match(addressRefusal(to, { ...from, address: '203.0.113.7' }) ?? '', /private/)
  assert.match(addressRefusal(new URL('http://127.0.0.1/x'), { ...from, address: '10.1.2.3' }) ?? '', /loopback/)
  assert.match(addressRefusal(new URL('http://169.254.1.1/x'), { ...from, address: '10.1.2.3' }) ?? '', /link-local/)
  for (const host of ['10.0.0.2', '10.0.0.2:9000']) assert.equal(addressRefusal(to, from, [host]), undefined, host)
  assert.match(addressRefusal(to, from, ['10.0.0.2:9001', '10.0.0.3']) ?? '', /private/)
  assert.match(addressRefusal(new URL('http://169.254.169.254/x'), from, ['169.254.169.254']) ?? '', /link-local/)
  assert.match(addressRefusal(new URL('http://metadata.google.internal/x'), from, ['metadata.google.internal']) ?? '', /metadata/)
})

test('recognizes private and loopback addresses embedded in every kind of IPv6 address, and accepts public ones', () => {
  const groups = (...bytes: readonly number[]): string =>
    Array.from({ length: 8 }, (_, at) => (((bytes[2 * at] ?? 0) << 8) | (bytes[2 * at + 1] ?? 0)).toString(16)).join(':')
  const local = [0, 0x64, 0xff, 0x9b, 0, 1]
  const teredo = [0x20, 1, 0, 0]
  const forms = (a: number, b: number, c: number, d: number): readonly string[] => [
    groups(...local, a, b, 0, c, d),
    groups(...local, 0, a, 0, b, c, d),
    groups(...local, 0, 0, 0, a, b, c, d),
    groups(...local, 0, 0, 0, 0, 0, 0, a, b, c, d),
    groups(...teredo, 65, 54, 227, 120, 0, 0, 0, 0, a ^ 255, b ^ 255, c ^ 255, d ^ 255),
    groups(...teredo, a, b, c, d, 0, 0, 0, 0, 247, 247, 247, 247),
  ]
  for (const host of forms(169, 254, 169, 254)) assert.equal(isForbiddenHost(`[${host}]`), true, host)
  for (const host of forms(127, 0, 0, 1)) assert.equal(isLoopback(`[${host}]`), true, host)
  for (const host of forms(192, 168, 1, 1)) assert.equal(isPrivate(`[${host}]`), true, host)
  for (const host of forms(93, 184, 215, 14)) {
    assert.deepEqual([isPrivate(`[${host}]`), isLoopback(`[${host}]`), isForbiddenHost(`[${host}]`)], [false, false, false], host)
  }
})

test('recognizes link-local and metadata addresses embedded in every kind of IPv6 address', () => {
  for (const host of [
    '[64:ff9b:1::a9fe:a9fe]',
    '[::ffff:0:a9fe:a9fe]',
    '[64:ff9b::a9fe:a9fe]',
    '[fd00:ec2::23]',
    'metadata.tencentyun.com',
  ]) {
    assert.equal(isForbiddenHost(host), true, host)
  }
})
