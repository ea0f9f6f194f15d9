import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { WireError } from '../../src/http/network-error.ts'
import { ResponseParser, parseResponseHead, type ResponseHead } from '../../src/http/response-parser.ts'
import { processorTime } from '../servers/processor-time.ts'

/** What a parser made of a stream of bytes. */
interface Parsed {
  readonly heads: readonly ResponseHead[]
  readonly body: string
  readonly ends: number
  readonly error: string | undefined
}

/** Feeds the pieces, and the end of the connection after them where the answer lasts until then. */
function parse(pieces: readonly Buffer[], options: { readonly isHead?: boolean; readonly close?: boolean } = {}): Parsed {
  const heads: ResponseHead[] = []
  const body: Buffer[] = []
  let ends = 0
  let error: string | undefined
  const parser = new ResponseParser({
    onHead: (head) => heads.push(head),
    // the bytes are a view of a buffer that is reused
    onBody: (bytes) => body.push(Buffer.from(bytes)),
    onEnd: () => ends++,
  })
  parser.reset(options.isHead)
  try {
    for (const piece of pieces) {
      const reused = Buffer.from(piece)
      parser.push(reused)
      reused.fill(0)
    }
    if (options.close) parser.close()
  } catch (thrown) {
    assert.ok(thrown instanceof WireError, String(thrown))
    error = `${thrown.kind}: ${thrown.message}`
  }
  return { heads, body: Buffer.concat(body).toString('latin1'), ends, error }
}

function parseText(text: string, options: { readonly isHead?: boolean; readonly close?: boolean } = {}): Parsed {
  return parse([Buffer.from(text, 'latin1')], options)
}

/** The bytes cut at arbitrary places, the empty piece and the single byte among them. */
function split(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].toSorted((a, b) => a - b)
  return [...places, bytes.length].map((place, index) => bytes.subarray(index === 0 ? 0 : places[index - 1], place))
}

/** The bytes in pieces of one size. */
function pieces(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size))
}

const cuts = fc.oneof(
  { weight: 4, arbitrary: fc.array(fc.nat(), { maxLength: 40 }) },
  // every byte by itself
  { weight: 1, arbitrary: fc.constant(Array.from({ length: 4000 }, (_, index) => index)) },
)
const bodies = fc.uint8Array({ maxLength: 500 }).map((bytes) => Buffer.from(bytes))
const headers = fc.constantFrom('', 'Docker-Content-Digest: sha256:00\r\n', 'X-Long:  a\tb  \r\nx-long:\r\n', 'ETag: "\xe9"\r\n')
const interim = fc.constantFrom('', 'HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 x\r\n\r\n')
const extensions = fc.constantFrom('', ';a', ' ; a="b;c"', ' ', ';x='.padEnd(900, 'y'))

function chunked(body: Buffer, sizes: readonly number[], extension: string, trailer: string): Buffer {
  const parts: Buffer[] = []
  let at = 0
  for (const size of [...sizes, body.length]) {
    const part = body.subarray(at, at + size)
    at += part.length
    if (part.length > 0) parts.push(Buffer.from(`${part.length.toString(16)}${extension}\r\n`), part, Buffer.from('\r\n'))
  }
  return Buffer.concat([...parts, Buffer.from(`0${extension}\r\n${trailer}\r\n`)])
}

/** An answer as bytes, and what has to come out of it. */
interface Sample {
  readonly bytes: Buffer
  readonly body: Buffer
  readonly isHead: boolean
  readonly close: boolean
}

const samples: fc.Arbitrary<Sample> = fc
  .record({
    kind: fc.constantFrom('counted', 'chunked', 'close', '204', '304', 'head'),
    body: bodies,
    more: headers,
    before: interim,
    sizes: fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 10 }),
    extension: extensions,
    trailer: fc.constantFrom('', 'Digest: x\r\n', 'A: b\r\nC: d\r\n'),
  })
  .map(({ kind, body, more, before, sizes, extension, trailer }) => {
    const none = Buffer.alloc(0)
    const at = (line: string, announced: string, content: Buffer): Buffer =>
      Buffer.concat([Buffer.from(`${before}HTTP/1.1 ${line}\r\n${more}${announced}\r\n`, 'latin1'), content])
    const sample = { isHead: kind === 'head', close: kind === 'close' }
    switch (kind) {
      case 'counted':
        return { ...sample, body, bytes: at('200 OK', `content-LENGTH:${body.length}\r\n`, body) }
      case 'chunked':
        return { ...sample, body, bytes: at('200', 'Transfer-Encoding: Chunked\r\n', chunked(body, sizes, extension, trailer)) }
      case 'close':
        return { ...sample, body, bytes: at('200 OK', '', body) }
      case 'head':
        return { ...sample, body: none, bytes: at('200 OK', `Content-Length: ${body.length}\r\n`, none) }
      case '204':
      case '304':
        return { ...sample, body: none, bytes: at(`${kind} Nothing`, `Content-Length: ${body.length}\r\n`, none) }
    }
  })

test('parses the same answer for every split of its bytes', () => {
  fc.assert(
    fc.property(samples, cuts, ({ bytes, body, isHead, close }, places) => {
      const parsed = parse(split(bytes, places), { isHead, close })
      assert.equal(parsed.error, undefined)
      assert.equal(parsed.heads.length, 1)
      assert.equal(parsed.ends, 1)
      assert.equal(parsed.body, body.toString('latin1'))
    }),
    { numRuns: 600 },
  )
})

test('separates several answers on one connection', () => {
  fc.assert(
    fc.property(fc.array(samples, { minLength: 2, maxLength: 4 }), cuts, (several, places) => {
      let ends = 0
      const parser = new ResponseParser({ onHead: () => undefined, onBody: () => undefined, onEnd: () => ends++ })
      for (const [index, sample] of several.entries()) {
        parser.reset(sample.isHead)
        for (const piece of split(sample.bytes, places)) parser.push(piece)
        if (sample.close) parser.close()
        assert.equal(ends, index + 1)
      }
    }),
    { numRuns: 100 },
  )
})

test('reports a truncated answer as CONNECTION_LOST unless the connection delimits it', () => {
  fc.assert(
    fc.property(samples, fc.nat(), ({ bytes, isHead, close }, place) => {
      const cut = bytes.subarray(0, place % bytes.length)
      const isWhole = close && cut.includes('\r\n\r\n') && parse([cut], { isHead }).heads.length === 1
      const { error, ends } = parse([cut], { isHead, close: true })
      if (isWhole) assert.equal(error, undefined)
      else assert.match(error ?? '', /^CONNECTION_LOST: the connection was closed (?:before the end|without an answer)/)
      assert.equal(ends, isWhole ? 1 : 0)
    }),
    { numRuns: 300 },
  )
})

test('throws no other error for arbitrary bytes, and does not loop', () => {
  const anything = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc
      .constantFrom(
        'HTTP/1.1 200 OK\r\n',
        'Transfer-Encoding: chunked\r\n',
        'Content-Length: 5\r\n',
        '\r\n',
        'a\r\n',
        '0\r\n',
        'HTTP/1.1 100\r\n\r\n',
      )
      .map((text) => Buffer.from(text)),
  )
  fc.assert(
    fc.property(fc.array(anything, { maxLength: 20 }), fc.boolean(), (all, isHead) => void parse(all, { isHead, close: true })),
    { numRuns: 500 },
  )
})

const ok = 'HTTP/1.1 200 OK\r\n'
const malformedCases: readonly (readonly [name: string, text: string, reason: RegExp])[] = [
  ['both Transfer-Encoding and Content-Length', `${ok}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n`, /both Content-Length and/],
  ['two different Content-Lengths', `${ok}Content-Length: 5\r\nContent-Length: 6\r\n\r\n`, /invalid Content-Length/],
  ['two Content-Lengths in one', `${ok}Content-Length: 5, 5\r\n\r\n`, /invalid Content-Length/],
  ['a Content-Length with a sign', `${ok}Content-Length: +5\r\n\r\n`, /invalid Content-Length/],
  ['a negative Content-Length', `${ok}Content-Length: -5\r\n\r\n`, /invalid Content-Length/],
  ['a Content-Length in hex', `${ok}Content-Length: 0x5\r\n\r\n`, /invalid Content-Length/],
  ['an empty Content-Length', `${ok}Content-Length:\r\n\r\n`, /invalid Content-Length/],
  ['a Content-Length beyond what a number holds', `${ok}Content-Length: ${2n ** 60n}\r\n\r\n`, /invalid Content-Length/],
  ['an unknown Transfer-Encoding', `${ok}Transfer-Encoding: gzip, chunked\r\n\r\n`, /unknown Transfer-Encoding/],
  ['two Transfer-Encodings', `${ok}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`, /unknown Transfer-Encoding/],
  ['a folded header', `${ok}X-A: b\r\n c\r\n\r\n`, /malformed header/],
  ['a space before the colon', `${ok}Content-Length : 5\r\n\r\n`, /malformed header/],
  ['a header without a name', `${ok}: 5\r\n\r\n`, /malformed header/],
  ['a header without a colon', `${ok}nonsense\r\n\r\n`, /malformed header/],
  ['a NUL in a header', `${ok}X: a\0b\r\n\r\n`, /malformed header/],
  ['a bare CR in a header', `${ok}X: a\rY: b\r\n\r\n`, /malformed header/],
  ['a bare LF in a header', `${ok}X: a\nY: b\r\n\r\n`, /malformed header/],
  ['no status line', 'Content-Length: 5\r\n\r\n', /no status line/],
  ['no HTTP at all', 'SSH-2.0-OpenSSH_9.6\r\n', /no status line/],
  ['a page without a head', '<html>', /no status line/],
  ['an empty line first', `\r\n${ok}\r\n`, /no status line/],
  ['another version', 'HTTP/2.0 200 OK\r\n\r\n', /no status line/],
  ['an impossible status', 'HTTP/1.1 999 x\r\n\r\n', /no status line/],
  ['a status of two digits', 'HTTP/1.1 20 x\r\n\r\n', /no status line/],
  ['an upgrade', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n', /unrequested protocol/],
  ['an invalid chunk size', `${ok}Transfer-Encoding: chunked\r\n\r\nxyz\r\n`, /malformed chunk size/],
  ['a chunk size with a sign', `${ok}Transfer-Encoding: chunked\r\n\r\n-1\r\n`, /malformed chunk size/],
  ['an empty chunk size', `${ok}Transfer-Encoding: chunked\r\n\r\n;a\r\n`, /malformed chunk size/],
  ['a chunk size of 2^52', `${ok}Transfer-Encoding: chunked\r\n\r\n10000000000000\r\n`, /malformed chunk size/],
  ['an endless chunk size', `${ok}Transfer-Encoding: chunked\r\n\r\n1;${'a'.repeat(70_000)}`, /malformed chunk size/],
  ['a chunk that is longer than it says', `${ok}Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n`, /malformed chunk/],
  ['an endless trailer', `${ok}Transfer-Encoding: chunked\r\n\r\n0\r\n${'a: b\r\n'.repeat(20_000)}`, /larger than 64 KiB/],
  ['bytes after the end', `${ok}Content-Length: 2\r\n\r\nabc`, /bytes after its end/],
  ['bytes after the last chunk', `${ok}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP`, /bytes after its end/],
  ['a body after a 204', 'HTTP/1.1 204 No Content\r\n\r\nabc', /bytes after its end/],
]

for (const [name, text, reason] of malformedCases) {
  test(`reports PROTOCOL for ${name}, for every split`, () => {
    const bytes = Buffer.from(text, 'latin1')
    const whole = parse([bytes]).error
    assert.match(whole ?? '', /^PROTOCOL: invalid HTTP answer: /)
    assert.match(whole ?? '', reason)
    for (const size of bytes.length < 500 ? [1, 7] : [97, 1000]) assert.match(parse(pieces(bytes, size)).error ?? '', reason)
  })
}

test('reports a body after the answer to a HEAD as trailing bytes', () => {
  assert.match(parseText(`${ok}Content-Length: 2\r\n\r\nab`, { isHead: true }).error ?? '', /bytes after its end/)
})

// F92
test('reads headers of 64 KiB and rejects larger ones, for every split', () => {
  const head = (size: number): Buffer => {
    const start = `${ok}Content-Length: 0\r\nX: `
    return Buffer.from(`${start}${'a'.repeat(size - start.length)}\r\n\r\n`)
  }
  for (const size of [100_000, 65_535, 4096, 333]) {
    assert.equal(parse(pieces(head(64 * 1024), size)).error, undefined)
    assert.match(parse(pieces(head(64 * 1024 + 1), size)).error ?? '', /larger than 64 KiB/)
    assert.match(parse(pieces(head(90 * 1024), size)).error ?? '', /larger than 64 KiB/)
  }
})

test('parses a header of 60 000 spaces in linear time', async () => {
  const took = await processorTime(() => {
    const { error } = parseText(`${ok}X: a${' '.repeat(60_000)}b\r\nContent-Length: 0\r\n\r\n`)
    assert.equal(error, undefined)
  })
  assert.ok(took < 2000, `${took} ms`)
})

test('keeps all values of repeated headers', () => {
  const { headers: read, status } = parseResponseHead(
    'HTTP/1.1 202 Accepted\r\nLOCATION: \t/a \r\nlocation:/b\r\nX-Empty:\r\nN: 17\r\nM: 1e3',
  )
  assert.equal(status, 202)
  assert.deepEqual(read.all('location'), ['/a', '/b'])
  assert.equal(read.get('x-empty'), '')
  assert.equal(read.integer('n'), 17)
  assert.equal(read.integer('m'), undefined)
})

test('determines the length of the body and whether the connection stays open', () => {
  const cases: readonly (readonly [text: string, length: ResponseHead['length'], keepAlive: boolean, isHead?: boolean])[] = [
    ['HTTP/1.1 200 OK\r\nContent-Length: 5', 5, true],
    ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5', 5, true],
    ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: Close', 5, false],
    ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: x, close', 5, false],
    ['HTTP/1.0 200 OK\r\nContent-Length: 5', 5, false],
    ['HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: Keep-Alive', 5, true],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked', 'chunked', true],
    ['HTTP/1.1 200 OK', 'close', false],
    ['HTTP/1.1 204 No Content', 0, true],
    ['HTTP/1.1 304 Not Modified\r\nContent-Length: 5', 0, true],
    // the answer to a HEAD has no body, whatever it says of one
    ['HTTP/1.1 200 OK', 0, true, true],
    ['HTTP/1.1 200 OK\r\nConnection: close', 0, false, true],
    ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked', 0, true, true],
    ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6', 0, true, true],
    ['HTTP/1.1 200 OK\r\nContent-Length: five', 0, true, true],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked', 0, true, true],
  ]
  for (const [text, length, keepAlive, isHead] of cases) {
    const head = parseResponseHead(text, isHead)
    assert.deepEqual([head.length, head.keepAlive], [length, keepAlive], text)
  }
})
