import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { ResponseHeaders } from '../../src/http/message.ts'
import { decodeBody } from '../../src/http/send-request.ts'
import { scriptedServer } from '../servers/scripted-server.ts'
import { openClient } from './open-client.ts'

const text = Buffer.from('{"token":"x"}')
const url = new URL('https://r.example/token')

function decode(body: Uint8Array, encodings: readonly string[], most = 1000): Promise<string> {
  const headers = new ResponseHeaders(new Map(encodings.length === 0 ? [] : [['content-encoding', encodings]]))
  return decodeBody(body, { url, headers }, most).then((bytes) => Buffer.from(bytes).toString())
}

test('decodes each usual encoding', async () => {
  const bodies: Readonly<Record<string, Uint8Array>> = {
    gzip: gzipSync(text),
    'x-gzip': gzipSync(text),
    GZip: gzipSync(text),
    deflate: deflateSync(text),
    br: brotliCompressSync(text),
    identity: text,
    '': text,
  }
  for (const [encoding, body] of Object.entries(bodies)) assert.equal(await decode(body, [encoding]), text.toString(), encoding)
  assert.equal(await decode(text, []), text.toString())
  assert.equal(await decode(Buffer.alloc(0), ['gzip']), '')
})

test('keeps a body that does not match its declared encoding', async () => {
  for (const encodings of [['gzip'], ['utf-8'], ['aws-chunked'], ['zstd'], ['gzip, gzip'], ['']]) {
    assert.equal(await decode(text, encodings), text.toString(), encodings.join())
  }
})

test('rejects a body that exceeds the limit after decoding', async () => {
  await assert.rejects(decode(gzipSync(Buffer.alloc(50_000_000)), ['gzip'], 8192), {
    code: 'PROTOCOL',
    message: /larger than the limit of 8192 bytes/,
  })
})

test('both transports decode a body that was requested without an encoding', async () => {
  await using server = await scriptedServer(
    (_request, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(text)),
  )
  await using client = openClient()
  for (const send of [client.request.bind(client), client.requestNow.bind(client)]) {
    const { body } = await send({ method: 'GET', url: new URL(server.url) })
    assert.deepEqual(Buffer.from(body), text)
  }
  await assert.rejects(client.requestNow({ method: 'GET', url: new URL(server.url), maxBytes: 12 }), { code: 'PROTOCOL' })
})
