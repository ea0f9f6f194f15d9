import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isMirrorError } from '../../src/errors.ts'
import { parseHtpasswd } from '../../src/registry-server/htpasswd.ts'

const hash = `$2y$05$${'abcDEF0123./'.repeat(5).slice(0, 53)}`

test('users and hashes are read; comments, empty lines, CRLF and a byte order mark are no trouble', () => {
  const text = `\ufeff# people\r\nann:${hash}\r\n\r\nbob:${hash.replace('2y', '2a')}\nzoé:${hash.replace('2y', '2b')}  \n`
  assert.deepEqual([...parseHtpasswd(text).keys()], ['ann', 'bob', 'zoé'])
  assert.equal(parseHtpasswd('').size, 0)
})

test('any other line is refused by its number, and nothing of it is shown', () => {
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

test('what is written is read back', () => {
  const user = fc.stringMatching(/^[^:#\r\n\s\ufeff][^:\r\n]{0,20}$/)
  fc.assert(
    fc.property(fc.uniqueArray(user), (users) => {
      assert.deepEqual([...parseHtpasswd(users.map((name) => `${name}:${hash}`).join('\n')).keys()], users)
    }),
  )
})

test('no text gives any other error', () => {
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
