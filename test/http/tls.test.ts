import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tlsOptions } from '../../src/http/tls.ts'
import { certificateAuthority } from '../servers/certificates.ts'

test('nothing is set where nothing is asked for', () => {
  assert.deepEqual(tlsOptions(), {})
  assert.deepEqual(tlsOptions({}), {})
  assert.deepEqual(tlsOptions({ insecureSkipVerify: false }), {})
  assert.deepEqual(tlsOptions({ insecureSkipVerify: true }), { rejectUnauthorized: false })
})

test('authorities are read once for all connections with the same settings', async () => {
  const { certificate } = await certificateAuthority()
  const settings = { ca: certificate }
  const { secureContext } = tlsOptions(settings)
  assert.ok(secureContext)
  assert.equal(tlsOptions(settings).secureContext, secureContext)
  assert.notEqual(tlsOptions({ ca: certificate }).secureContext, secureContext)
  assert.equal(tlsOptions(settings).rejectUnauthorized, undefined)
})
