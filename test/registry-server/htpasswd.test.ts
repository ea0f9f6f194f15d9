import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isMirrorError } from '../../src/errors.ts'
import { parseHtpasswd } from '../../src/registry-server/htpasswd.ts'

const hash = `$2y$05$${'abcDEF0123./'.repeat(5).slice(0, 53)}`

test('reads users and hashes, and ignores comments, empty lines, CRLF and a byte order mark', () => {
  const text = `\ufeff# people\r\nann:${hash}\r\n\r\nbob:${hash.replace('2y', '2a')}\nzoé:${hash.replace('2y', '2b')}  \n`
  assert.deepEqual([...parseHtpasswd(text).keys()], ['ann', 'bob', 'zoé'])
  assert.equal(parseHtpasswd('').size, 0)
})

test('refuses any other line by its number, without its text', () => {
  const wrong = [
    'ann:{SHA}secretsecretsecretsecret=',
    'ann:$apr1$secretse$cretsecretsecretsecret',
    'ann:secret',
    `ann:${hash}secret`,
    `ann:${hash.replace('$05$', '$03$')}`,
    `ann:${hash.replace('$05$', '$32$')}`,
    `ann:${hash.replace('2y', '2x')}`,
    `:${hash}`,
    'secret',
    `bob:${hash}`,
  ]
  for (const line of wrong) {
    assert.throws(
      () => parseHtpasswd(`bob:${hash}\n${line}\n`),
      (error) =>
        isMirrorError(error) &&
        error.code === 'INVALID_CONFIG' &&
        error.message.startsWith('line 2 ') &&
        !/secret|\$2|ann/.test(error.message),
    )
  }
})

test('reads back what was written', () => {
  const user = fc.stringMatching(/^[^:#\r\n\s\ufeff][^:\r\n]{0,20}$/)
  fc.assert(
    fc.property(fc.uniqueArray(user), (users) => {
      assert.deepEqual([...parseHtpasswd(users.map((name) => `${name}:${hash}`).join('\n')).keys()], users)
    }),
  )
})

test('rejects any other text with INVALID_CONFIG', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        parseHtpasswd(text)
      } catch (error) {
        assert.ok(isMirrorError(error))
      }
    }),
  )
})
