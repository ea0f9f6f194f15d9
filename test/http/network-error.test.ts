import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isTransient } from '../../src/async/retry.ts'
import { MirrorError, type ErrorCode } from '../../src/errors.ts'
import { WireError, networkError, proxyError } from '../../src/http/network-error.ts'

const origin = 'https://registry.example.com'

function coded(code: string, message = code): Error {
  return Object.assign(new Error(message), { code })
}

function classified(error: unknown): MirrorError {
  const result = networkError(origin, error)
  assert.ok(result instanceof MirrorError)
  return result
}

/** What each failure is, by its code; F79 and F80 are whole groups of it. */
const table: Readonly<Partial<Record<ErrorCode, readonly string[]>>> = {
  UNREACHABLE: ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'ENETUNREACH', 'EHOSTUNREACH'],
  CONNECTION_LOST: [
    'ECONNRESET',
    'EPIPE',
    'ECONNABORTED',
    'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC',
    'ERR_STREAM_WRITE_AFTER_END',
    'ESOMETHING',
    '',
  ],
  TIMEOUT: ['ETIMEDOUT'],
  TLS: [
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'CERT_HAS_EXPIRED',
    'CERT_NOT_YET_VALID',
    'CERT_UNTRUSTED',
    'CERT_REVOKED',
    'CERT_REJECTED',
    'INVALID_CA',
    'INVALID_PURPOSE',
    'PATH_LENGTH_EXCEEDED',
    'HOSTNAME_MISMATCH',
    'CRL_HAS_EXPIRED',
    'ERROR_IN_CERT_NOT_AFTER_FIELD',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'ERR_SSL_WRONG_VERSION_NUMBER',
    'ERR_SSL_UNSUPPORTED_PROTOCOL',
    'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
    'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
    'ERR_OSSL_PEM_NO_START_LINE',
    'EPROTO',
  ],
}

for (const [code, causes] of Object.entries(table)) {
  test(`what counts as ${code}`, () => {
    for (const cause of causes) {
      const error = classified(coded(cause))
      assert.equal(error.code, code, cause)
      assert.ok(error.message.includes(origin))
      assert.equal((error.cause as { code?: string }).code, cause)
      // F79: the network may come back; F80: a certificate will not change by itself
      assert.equal(isTransient(error), code !== 'TLS', cause)
    }
  })
}

test('hints name what can be done', () => {
  assert.match(classified(coded('UNABLE_TO_GET_ISSUER_CERT_LOCALLY')).hint ?? '', /system's trust store.*ca_file/)
  assert.match(classified(coded('UNABLE_TO_VERIFY_LEAF_SIGNATURE')).hint ?? '', /full certificate chain/)
  assert.match(classified(coded('CERT_NOT_YET_VALID')).hint ?? '', /clock/)
  assert.match(classified(coded('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION')).hint ?? '', /TLS 1\.2/)
  assert.match(classified(coded('CERT_HAS_EXPIRED')).hint ?? '', /renew/)
  assert.match(classified(coded('ERR_SSL_WRONG_VERSION_NUMBER')).hint ?? '', /http:\/\//)
  for (const alert of ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE']) {
    assert.match(classified(coded(alert)).hint ?? '', /cert_file/)
  }
  assert.match(classified(coded('ENOTFOUND')).hint ?? '', /host name.*proxy/)
})

test('the first of several connect attempts stands for all', () => {
  const several = new AggregateError([coded('ECONNREFUSED'), coded('ENETUNREACH')], '')
  assert.equal(classified(several).message, `cannot connect to ${origin}: the connection was refused`)
})

test('what the wire found keeps its kind', () => {
  for (const kind of ['PROTOCOL', 'TIMEOUT', 'CONNECTION_LOST'] as const) {
    const error = classified(new WireError(kind, 'so it was'))
    assert.deepEqual([error.code, error.message], [kind, `request to ${origin} failed: so it was`])
  }
})

// F101
test('the error quotes what a proxy answers to CONNECT', () => {
  for (const [status, code] of [
    [407, 'UNAUTHORIZED'],
    [403, 'DENIED'],
    [502, 'UNAVAILABLE'],
    // A web server.
    [405, 'PROTOCOL'],
  ] as const) {
    const proxy = { url: new URL('http://user:s3cret@proxy:3128'), variable: 'https_proxy' }
    const error = proxyError(new URL(origin), proxy, status)
    assert.equal(error.code, code)
    assert.ok(error.message.startsWith(`cannot reach ${new URL(origin).origin}: the proxy http://proxy:3128 (https_proxy) `), error.message)
    assert.doesNotMatch(`${error.message} ${error.hint}`, /s3cret/)
  }
})

test('an abort and a MirrorError are passed on as they are', () => {
  const reason = new Error('enough')
  assert.equal(networkError(origin, coded('ECONNRESET'), AbortSignal.abort(reason)), reason)
  const error = new MirrorError('DENIED', 'no')
  assert.equal(networkError(origin, error, new AbortController().signal), error)
})

test('anything that is thrown is an error of the network', () => {
  for (const thrown of ['text', 5, {}, new Error('no code')]) assert.equal(classified(thrown).code, 'CONNECTION_LOST')
})

test('a connection that is closed without an answer to plain HTTP may be for TLS', () => {
  const closed = (at: string, isUnanswered: boolean): unknown =>
    (networkError(at, new WireError('CONNECTION_LOST', 'closed', { isUnanswered })) as MirrorError).hint
  assert.equal(closed('http://registry.example.com', true), 'write https:// before the host if it expects TLS')
  assert.equal(closed('http://registry.example.com', false), undefined)
  assert.equal(closed('https://registry.example.com', true), undefined)
})
