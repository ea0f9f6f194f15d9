import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import fc from 'fast-check'
import { readMessages, type EngineMessage } from '../../src/engine/follow-messages.ts'

async function read(chunks: Iterable<Uint8Array>, silence = 10_000): Promise<readonly EngineMessage[]> {
  const messages: EngineMessage[] = []
  for await (const message of readMessages(Readable.from(chunks, { objectMode: true }), silence)) messages.push(message)
  return messages
}

const bytes = (text: string): Buffer => Buffer.from(text)

test('errors are read in either of their forms, and progress in bytes', async () => {
  const lines = [
    '{"status":"Downloading","progressDetail":{"current":5,"total":10},"progress":"[=>] 5B/10B","id":"abc"}',
    '{"status":"Waiting","progressDetail":{},"id":"abc"}',
    '{"errorDetail":{"code":1,"message":"new form"},"error":"old form"}',
    '{"error":"old form"}',
    '{"errorDetail":{}}',
    '{"aux":{"Digest":"sha256:x"}}',
  ]
  assert.deepEqual(await read([bytes(lines.join('\r\n'))]), [
    { status: 'Downloading', id: 'abc', current: 5, total: 10 },
    { status: 'Waiting', id: 'abc' },
    { error: 'new form' },
    { error: 'old form' },
    { error: 'the Engine names no reason' },
    { aux: { Digest: 'sha256:x' } },
  ])
})

test('however the bytes are cut into chunks, the messages are the same', async () => {
  const message = fc.record({ id: fc.string({ unit: 'grapheme' }), status: fc.string({ unit: 'grapheme' }) }, { noNullPrototype: true })
  await fc.assert(
    fc.asyncProperty(
      fc.array(message),
      fc.array(fc.nat(400)),
      fc.constantFrom('\n', '\r\n'),
      fc.boolean(),
      async (sent, cuts, end, hasEnd) => {
        const whole = bytes(sent.map((one) => JSON.stringify(one)).join(end) + (hasEnd ? end : ''))
        const places = [0, ...cuts.filter((cut) => cut < whole.length).toSorted((a, b) => a - b), whole.length]
        const chunks = places.slice(1).map((place, index) => whole.subarray(places[index], place))
        assert.deepEqual(await read(chunks.filter(({ length }) => length > 0)), sent)
      },
    ),
  )
})

test('rejects a line that is not a JSON object', async () => {
  for (const text of ['[]', 'null', '1', '{"status":', '<html>']) {
    await assert.rejects(read([bytes(text)]), { code: 'PROTOCOL' })
  }
  await assert.rejects(read([Buffer.alloc(2 * 1024 * 1024, 'a')]), { code: 'PROTOCOL', message: /without an end/ })
})

test('a stream that breaks is CONNECTION_LOST, and one that is silent TIMEOUT', async () => {
  async function* broken(): AsyncGenerator<Buffer> {
    yield bytes('{"status":"x"}\n')
    await Promise.resolve()
    throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' })
  }
  await assert.rejects(
    async () => {
      for await (const message of readMessages(Readable.from(broken()), 1000)) assert.equal(message.status, 'x')
    },
    { code: 'CONNECTION_LOST' },
  )
  const silent = new Readable({ read: () => undefined })
  await assert.rejects(
    async () => {
      for await (const message of readMessages(silent, 5)) assert.fail(JSON.stringify(message))
    },
    { code: 'TIMEOUT' },
  )
  assert.ok(silent.destroyed)
})

test('closes the connection when the loop is left', async () => {
  const stream = new Readable({ read: () => undefined })
  stream.push('{"status":"x"}\n')
  for await (const { status } of readMessages(stream, 1000)) {
    assert.equal(status, 'x')
    break
  }
  assert.ok(stream.destroyed)
})
