import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectionError, engineRefusal } from '../../src/engine/engine-error.ts'

// what daemons of 20.10 to 29 say
for (const [message, code] of [
  ['failed to register layer: write /x: no space left on device', 'NO_SPACE'],
  ['toomanyrequests: Rate exceeded', 'THROTTLED'],
  ['received unexpected HTTP status: 429 Too Many Requests', 'THROTTLED'],
  ['no matching manifest for linux/s390x in the manifest list entries', 'NO_SUCH_PLATFORM'],
  [
    'choosing an image from manifest list docker://h:5000/x:1: no image found in image index for architecture s390x, variant "", OS linux',
    'NO_SUCH_PLATFORM',
  ],
  ['image operating system "windows" cannot be used on this platform', 'NO_SUCH_PLATFORM'],
  ['Get "https://r.example:5000/v2/": http: server gave HTTP response to HTTPS client', 'TLS'],
  ['Get "https://r.example/v2/": x509: certificate signed by unknown authority', 'TLS'],
  ['Get "https://r.example/v2/": tls: failed to verify certificate', 'TLS'],
  ['unauthorized: authentication required', 'UNAUTHORIZED'],
  ['Head "https://registry-1.docker.io/v2/rancher/x/manifests/1": unauthorized: incorrect username or password', 'UNAUTHORIZED'],
  ['no basic auth credentials', 'UNAUTHORIZED'],
  ["pull access denied for rancher/x, repository does not exist or may require 'docker login'", 'DENIED'],
  ['denied: requested access to the resource is denied', 'DENIED'],
  ['missing content: content digest sha256:0: not found Note: You are trying to push a manifest list/index', 'UNSUPPORTED'],
  ['manifest for 127.0.0.1:5000/rancher/x:1 not found: manifest unknown: manifest unknown', 'NOT_FOUND'],
  ['manifest for rancher/denied-429:500 not found: manifest unknown: manifest unknown', 'NOT_FOUND'],
  ['Get "http://127.0.0.1:5199/v2/": dial tcp 127.0.0.1:5199: connect: connection refused', 'UNREACHABLE'],
  ['Get "https://r.example/v2/": dial tcp: lookup r.example: no such host', 'UNREACHABLE'],
  [
    'Get "https://r.example/v2/": net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)',
    'UNREACHABLE',
  ],
  ['dial tcp 10.0.0.1:443: i/o timeout', 'UNREACHABLE'],
  ['unexpected EOF', 'CONNECTION_LOST'],
  ['read tcp 1.2.3.4:1->5.6.7.8:443: read: connection reset by peer', 'CONNECTION_LOST'],
  ['received unexpected HTTP status: 503 Service Unavailable', 'UNAVAILABLE'],
  ['something else', 'PROTOCOL'],
] as const) {
  test(`${code}: ${message}`, () => {
    const error = engineRefusal(message, ['pull', 'docker.io/rancher/x:1'], 'source')
    assert.equal(error.code, code)
    assert.equal(error.side, 'source')
    assert.match(error.message, /^the Docker Engine cannot pull docker\.io\/rancher\/x:1: /)
  })
}

test('a daemon’s words are shown without passwords, signatures and control characters', () => {
  const said = 'Get "https://me:hunter2@r.example/v2/?token=hunter3": \u001B[31mconnection refused\n'
  const { message } = engineRefusal(said, ['pull', 'x'], 'source')
  assert.doesNotMatch(message, /hunter|\n/)
  assert.ok(!message.includes('\u001B'))
  assert.match(message, /https:\/\/\*\*\*@r\.example\/v2\/": /)
})

// F142
test('explains a missing socket, missing permission and a refused connection', () => {
  for (const [code, words] of [
    ['ENOENT', /the socket does not exist/],
    ['EACCES', /permission denied/],
    ['ECONNREFUSED', /the connection was refused/],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', /TLS/],
  ] as const) {
    const error = connectionError(Object.assign(new Error('x'), { code }), 'unix:///var/run/docker.sock')
    assert.equal(error.code, 'ENGINE_UNAVAILABLE')
    assert.match(error.message, words)
    assert.match(error.message, /unix:\/\/\/var\/run\/docker\.sock/)
    assert.ok(error.hint)
  }
  assert.equal(connectionError(Object.assign(new Error('x'), { code: 'ECONNRESET' }), 'x').code, 'CONNECTION_LOST')
})
