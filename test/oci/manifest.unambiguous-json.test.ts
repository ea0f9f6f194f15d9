import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { isMirrorError } from '../../src/errors.ts'
import { parseUnambiguousJson } from '../../src/oci/manifest.ts'
import { processorTime } from '../servers/processor-time.ts'

function read(text: string, maxValues = 1000): unknown {
  return parseUnambiguousJson(Buffer.from(text), maxValues)
}

function refusal(text: string): string {
  try {
    read(text)
  } catch (error) {
    if (isMirrorError(error) && error.code === 'INVALID_MANIFEST') return error.message
    throw error
  }
  return 'accepted'
}

/** Names and texts that a reader of JSON could take for its structure. */
const text = fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[{}[\]:,"\\a]*$/)).filter((name) => name !== '__proto__')
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    text,
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.constantFrom(null, true, false),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(text, tie('value'), { maxKeys: 4 }),
  ),
}))
const document = fc.dictionary(text, value, { maxKeys: 5 })

test('every JSON object is read as JSON.parse reads it, however it is spaced', () => {
  fc.assert(
    fc.property(document, fc.constantFrom(undefined, ' ', '\t'), (object, space) => {
      const json = JSON.stringify(object, undefined, space)
      assert.deepEqual(read(json), JSON.parse(json))
    }),
    { numRuns: 500 },
  )
})

test('a key that stands twice in an object is refused, however it is written', () => {
  fc.assert(
    fc.property(text, document, fc.boolean(), (name, object, isEscaped) => {
      const plain = JSON.stringify(name)
      const escaped = [...Array(name.length).keys()].map((at) => `\\u${name.charCodeAt(at).toString(16).padStart(4, '0')}`)
      const again = isEscaped ? `"${escaped.join('')}"` : plain
      assert.match(refusal(`{"x":[{${plain}:${JSON.stringify(object)},${again}:1}]}`), /has the key ".*" twice/s)
    }),
  )
})

test('what is not JSON is refused, wherever it is broken', () => {
  fc.assert(
    fc.property(document, fc.nat(), fc.stringMatching(/^[{}[\]:,"\\a]?$/), (object, at, put) => {
      const json = JSON.stringify(object)
      const broken = json.slice(0, at % json.length) + put
      if (refusal(broken) === 'accepted') JSON.parse(broken)
    }),
  )
})

test('values are counted before they are made', () => {
  assert.deepEqual(read('{"a":[1,2,3]}', 4), { a: [1, 2, 3] })
  assert.match(refusal(`{"a":[${'{},'.repeat(1000)}{}]}`), /more than 1000 values/)
  assert.match(refusal(`{"a":[${'1,'.repeat(1000)}`), /more than 1000 values/)
})

test('four megabytes of one kind take a moment: strings, escapes, backslashes, spaces, values and keys', async () => {
  const megabytes = 4
  const fill = (part: string): string => part.repeat((megabytes * 1024 * 1024) / part.length)
  const texts = [
    `{"a":"${fill('x')}"}`,
    `{"a":"${fill(String.raw`\"`)}"}`,
    `{"a":"${fill(String.raw`\\`)}"}`,
    `{"a":${fill(' ')}1}`,
    `{"a":[${fill('{},')}1]}`,
    `{"a":[${fill('[],')}1]}`,
    `{${Array.from({ length: 400_000 }, (_, at) => `"${at}":1`).join(',')}}`,
  ]
  for (const json of texts) {
    const took = await processorTime(() => {
      try {
        read(json, 100_000)
      } catch (error) {
        assert.ok(isMirrorError(error), String(error))
      }
    })
    assert.ok(took < 3000, `${took} ms for ${json.slice(0, 20)}…`)
  }
})
