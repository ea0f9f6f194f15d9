import assert from 'node:assert/strict'
import { chmod } from 'node:fs/promises'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { certificateAuthority } from '../servers/certificates.ts'
import { plainRequest } from '../servers/http-request.ts'
import { runCli } from '../servers/run-cli.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { serve, stop } from './serve-cli.ts'

/** The TLS version that a handshake ends with; the error's code where it ends with none. */
function handshake(url: string, maxVersion: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3'): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(
      {
        host: '127.0.0.1',
        port: Number(new URL(url).port),
        rejectUnauthorized: false,
        minVersion: 'TLSv1',
        maxVersion,
        ciphers: 'DEFAULT@SECLEVEL=0',
      },
      () => {
        resolve(socket.getProtocol() ?? '')
        socket.destroy()
      },
    )
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
  })
}

test('speaks TLS 1.2 and later with a certificate and its key', async () => {
  await using directory = await tempDir()
  const authority = await certificateAuthority()
  const { certificate, key } = await authority.server()
  const options = ['--tls-cert', await directory.write('server.crt', certificate), '--tls-key', await directory.write('server.key', key)]
  const running = await serve(`${directory.path}/new`, '--writable', ...options)
  try {
    assert.match(running.url, /^https:/)
    assert.equal((await plainRequest(`${running.url}/v2/`, { ca: authority.certificate })).status, 200)
    assert.deepEqual([await handshake(running.url, 'TLSv1.2'), await handshake(running.url, 'TLSv1.3')], ['TLSv1.2', 'TLSv1.3'])
    assert.match(await handshake(running.url, 'TLSv1.1'), /^ERR_SSL/)
  } finally {
    const { status, stderr } = await stop(running)
    assert.equal(status, 0)
    assert.doesNotMatch(stderr, /warning/)
  }
})

test('warns of a key that others can read', async () => {
  await using directory = await tempDir()
  const { certificate, key } = await (await certificateAuthority()).server()
  const keyFile = await directory.write('server.key', key)
  await chmod(keyFile, 0o644)
  const options = ['--tls-cert', await directory.write('server.crt', certificate), '--tls-key', keyFile]
  const { stderr } = await stop(await serve(`${directory.path}/new`, '--writable', ...options))
  assert.match(stderr, /^warning: the private key .*server\.key can be read by every user \(mode 0644\): run chmod 600 /m)
})

test('rejects an invalid certificate or key before it listens', async () => {
  await using directory = await tempDir()
  const authority = await certificateAuthority()
  const [good, other, old] = [await authority.server(), await authority.server(), await authority.server({ expired: true })]
  const cert = await directory.write('good.crt', good.certificate)
  const key = await directory.write('good.key', good.key)
  const cases: readonly (readonly [options: readonly string[], status: number, error: RegExp])[] = [
    [['--tls-cert', cert], 2, /--tls-cert requires --tls-key \(USAGE\)/],
    [['--tls-key', key], 2, /--tls-key requires --tls-cert \(USAGE\)/],
    [
      ['--tls-cert', `${directory.path}/none`, '--tls-key', key],
      2,
      /cannot read .*none of --tls-cert: no such file or directory \(LOCAL_IO\)/,
    ],
    [['--tls-cert', cert, '--tls-key', directory.path], 2, /of --tls-key: illegal operation on a directory \(LOCAL_IO\)/],
    [['--tls-cert', key, '--tls-key', key], 2, /good\.key has no PEM certificate \(INVALID_CONFIG\)/],
    [['--tls-cert', cert, '--tls-key', cert], 2, /good\.crt has no PEM private key, .*\(INVALID_CONFIG\)/],
    [
      ['--tls-cert', cert, '--tls-key', await directory.write('other.key', other.key)],
      2,
      /the key in .*other\.key does not match .*\(INVALID_CONFIG\)/,
    ],
    [
      ['--tls-cert', await directory.write('old.crt', old.certificate), '--tls-key', await directory.write('old.key', old.key)],
      2,
      /old\.crt expired on \d{4}-\d\d-\d\d \(INVALID_CONFIG\)/,
    ],
  ]
  for (const [options, status, error] of cases) {
    const result = await runCli(['serve', `${directory.path}/new`, '--writable', ...options])
    assert.equal(result.status, status, result.stderr)
    assert.match(result.stderr, error)
    assert.match(result.stderr, /^hint: /m)
    assert.doesNotMatch(result.stderr, /PRIVATE KEY-----\n|^serving/m)
  }
})
