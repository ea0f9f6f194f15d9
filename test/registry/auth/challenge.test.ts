import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { chooseChallenge, parseChallenges, type Challenge } from '../../../src/registry/auth/challenge.ts'

const choose = (...lines: readonly string[]) => chooseChallenge(parseChallenges(lines), 'registry.example.com')

test('a Bearer challenge with quoted commas and escaped quotes is read whole', () => {
  assert.deepEqual(
    choose(
      String.raw`Bearer realm="https://auth.example.com/a,b?x=\"1\"",service="my \\ service, really",scope="repository:a/b:pull,push"`,
    ),
    {
      scheme: 'bearer',
      realm: 'https://auth.example.com/a,b?x="1"',
      service: String.raw`my \ service, really`,
      scope: 'repository:a/b:pull,push',
    },
  )
})

test('Bearer is chosen before Basic, in any order, in one line or in several, in any case', () => {
  const bearer = { scheme: 'bearer', realm: 'https://a.example/t', service: 's' }
  assert.deepEqual(choose('Basic realm="x, y", Negotiate, BEARER Realm="https://a.example/t" , SERVICE=s'), bearer)
  assert.deepEqual(choose('basic realm=x', 'Negotiate YII==', 'bearer realm="https://a.example/t",service="s"'), bearer)
  assert.deepEqual(choose('Negotiate YIIabc==, Bearer realm="https://a.example/t" service="s"'), bearer)
  assert.deepEqual(choose('Negotiate, Basic'), { scheme: 'basic' })
  assert.deepEqual(choose('Bearer service="s", Basic realm="x"'), { scheme: 'basic' })
})

test('what cannot be answered is a clear error', () => {
  assert.equal(choose(), undefined)
  assert.throws(() => choose('Bearer service="registry"'), { code: 'UNSUPPORTED', message: /registry\.example\.com .*no realm/ })
  assert.throws(() => choose('Bearer'), { code: 'UNSUPPORTED', message: /no realm/ })
  assert.throws(() => choose('Negotiate', 'NTLM TlRMTVNTUAA='), { code: 'UNSUPPORTED', message: /by negotiate, ntlm/ })
})

test('the first of two values counts, and an open quote ends with the line', () => {
  assert.deepEqual(choose('Bearer realm="https://a.example/t",realm="https://evil.example/t"'), {
    scheme: 'bearer',
    realm: 'https://a.example/t',
  })
  assert.deepEqual(choose('Bearer realm="https://a.example/t'), { scheme: 'bearer', realm: 'https://a.example/t' })
})

const tokenCharacter = fc.constantFrom(...Array.from('abcXYZ019!#$%&*+-.^_`|~'))
const name = fc.string({ unit: tokenCharacter, minLength: 1, maxLength: 8 })
const text = fc.string({
  unit: fc.oneof(fc.constantFrom('"', '\\', ',', ' ', '=', '\t', 'é'), fc.constantFrom('a', 'Z', '9', ':', '/', '?')),
  maxLength: 20,
})
const blanks = fc.constantFrom('', ' ', '\t ')
const challenge = fc.record({
  scheme: name,
  parameters: fc.uniqueArray(fc.tuple(name, text), { minLength: 1, maxLength: 4, selector: ([key]) => key.toLowerCase() }),
})

const quote = (value: string): string => `"${value.replaceAll(/["\\]/g, String.raw`\$&`)}"`

test('any list of challenges is read back, however it is spaced and spread over lines', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(challenge, blanks, fc.boolean()), { maxLength: 5 }), (list) => {
      const lines: string[] = []
      for (const [{ scheme, parameters }, blank, ownLine] of list) {
        const pairs = parameters.map(([key, value], index) => `${key}${index % 2 ? blank : ''}=${index % 2 ? blank : ''}${quote(value)}`)
        const written = `${scheme} ${pairs.join(`${blank},${blank}`)}`
        if (ownLine || lines.length === 0) lines.push(written)
        else lines.push(`${lines.pop() ?? ''}${blank},${blank}${written}`)
      }
      const expected: Challenge[] = list.map(([{ scheme, parameters }]) => ({
        scheme: scheme.toLowerCase(),
        parameters: new Map(parameters.map(([key, value]) => [key.toLowerCase(), value])),
      }))
      assert.deepEqual(parseChallenges(lines), expected)
    }),
  )
})

test('no line at all makes the parser fail or take long', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (line) => void parseChallenges([line])))
  const started = process.cpuUsage()
  for (const line of [
    'a '.repeat(30_000),
    '"'.repeat(60_000),
    'a="'.repeat(20_000),
    `${'a'.repeat(30_000)}${' '.repeat(30_000)}!`,
    'a=\\'.repeat(15_000),
    '='.repeat(60_000),
    `Bearer ${',\t '.repeat(20_000)}"`,
  ])
    parseChallenges([line])
  assert.ok(process.cpuUsage(started).user < 2_000_000)
})
