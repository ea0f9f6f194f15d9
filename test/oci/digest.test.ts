import assert from 'node:assert/strict'
import { test } from 'node:test'
import { digestHash, hasDigest, isDigest, sha256, type Digest } from '../../src/oci/digest.ts'

const empty256 = 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
const empty512: Digest =
  'sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e'

test('the digests of nothing are the published ones', () => {
  assert.equal(sha256(Buffer.alloc(0)), empty256)
  assert.ok(hasDigest(Buffer.alloc(0), empty256) && hasDigest(Buffer.alloc(0), empty512))
  assert.ok(!hasDigest(Buffer.from('x'), empty256))
  assert.equal(`sha512:${digestHash(empty512).digest('hex')}`, empty512)
})

// D55
test('a digest is an algorithm and exactly its hexadecimal digits', () => {
  const wrong = [
    'sha256:../../x',
    '',
    'sha256',
    empty256.slice(0, -1),
    `${empty256}0`,
    empty256.toUpperCase(),
    ` ${empty256}`,
    `${empty256}\n`,
    'sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709',
    empty256.replace('sha256', 'sha512'),
  ]
  for (const text of wrong) assert.equal(isDigest(text), false, JSON.stringify(text))
})
