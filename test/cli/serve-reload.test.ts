import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, rename, symlink, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import { hashSync } from 'bcryptjs'
import { certificateAuthority } from '../servers/certificates.ts'
import { cliCommand } from '../servers/cli-command.ts'
import { plainRequest } from '../servers/http-request.ts'
import { findProgram } from '../servers/require-server.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { until } from '../servers/until.ts'
import { serve, stop, type Serving } from './serve-cli.ts'

/** What the server has logged so far. */
function logOf({ child }: Serving): () => string {
  let text = ''
  child.stderr?.on('data', (chunk: Buffer) => (text += chunk.toString()))
  return () => text
}

async function secureConnection(url: string): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(url).port), rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  return socket
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

async function fingerprint(url: string): Promise<string> {
  const socket = await secureConnection(url)
  const { fingerprint256 } = socket.getPeerCertificate()
  socket.destroy()
  return fingerprint256
}

test('SIGHUP reloads the certificate for new connections, and keeps the old one while the new one is invalid', async () => {
  await using directory = await tempDir()
  const authority = await certificateAuthority()
  const [first, second] = [await authority.server(), await authority.server()]
  const cert = await directory.write('server.crt', first.certificate)
  const key = await directory.write('server.key', first.key)
  const running = await serve(`${directory.path}/new`, '--writable', '--tls-cert', cert, '--tls-key', key)
  const log = logOf(running)
  try {
    const before = await fingerprint(running.url)
    const open = await secureConnection(running.url)
    for (const [content, why] of [
      [second.certificate, /the certificate .*server\.crt is not reloaded: the key in .*server\.key does not match/],
      ['nothing', /the certificate .*server\.crt is not reloaded: .*server\.crt has no PEM certificate/],
    ] as const) {
      await writeFile(cert, content)
      running.child.kill('SIGHUP')
      await until(() => why.test(log()))
      assert.equal(await fingerprint(running.url), before)
    }
    await writeFile(cert, second.certificate)
    await writeFile(key, second.key)
    running.child.kill('SIGHUP')
    await until(() => /^reloaded the certificate .*server\.crt, valid until \d{4}-\d\d-\d\d$/m.test(log()))
    assert.notEqual(await fingerprint(running.url), before)
    open.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
    const [answer] = (await once(open, 'data')) as [Buffer]
    assert.match(answer.toString(), /^HTTP\/1\.1 200 /)
    open.destroy()
  } finally {
    assert.equal((await stop(running)).status, 0)
  }
})

test('a certificate and key that links lead to, as in Kubernetes, are reloaded without a signal', async () => {
  await using directory = await tempDir()
  const authority = await certificateAuthority()
  for (const name of ['first', 'second']) {
    const { certificate, key } = await authority.server()
    await mkdir(`${directory.path}/..${name}`)
    await directory.write(`..${name}/tls.crt`, certificate)
    await directory.write(`..${name}/tls.key`, key)
  }
  await symlink('..first', `${directory.path}/..data`)
  const [cert, key] = ['tls.crt', 'tls.key'].map((name) => `${directory.path}/${name}`) as [string, string]
  await symlink('..data/tls.crt', cert)
  await symlink('..data/tls.key', key)
  const running = await serve(`${directory.path}/new`, '--writable', '--tls-cert', cert, '--tls-key', key)
  try {
    const before = await fingerprint(running.url)
    await symlink('..second', `${directory.path}/..next`)
    await rename(`${directory.path}/..next`, `${directory.path}/..data`)
    await until(async () => (await fingerprint(running.url)) !== before)
  } finally {
    assert.equal((await stop(running)).status, 0)
  }
})

test('SIGHUP reloads the password file, and keeps the users while it is invalid', async () => {
  await using directory = await tempDir()
  const htpasswd = await directory.write('htpasswd', `ann:${hashSync('one', 4)}\n`)
  const running = await serve(`${directory.path}/new`, '--writable', '--htpasswd', htpasswd)
  const log = logOf(running)
  const status = async (user: string): Promise<number> =>
    (await plainRequest(`${running.url}/v2/`, { headers: { authorization: `Basic ${btoa(user)}` } })).status
  try {
    running.child.kill('SIGHUP')
    await until(() => /^reloaded the password file .*htpasswd \(1 user\)$/m.test(log()))
    assert.equal(await status('ann:one'), 200)
    await writeFile(htpasswd, 'ann:plain\n')
    running.child.kill('SIGHUP')
    await until(() => /^warning: the password file .*htpasswd is not reloaded: line 1 /m.test(log()))
    assert.equal(await status('ann:one'), 200)
  } finally {
    assert.equal((await stop(running)).status, 0)
  }
})

test('SIGHUP reopens the access log that logrotate renamed', async () => {
  await using directory = await tempDir()
  const file = `${directory.path}/access.log`
  const running = await serve(`${directory.path}/new`, '--writable', '--access-log', file)
  await plainRequest(`${running.url}/v2/`)
  await until(async () => (await readFile(file, 'utf8')).includes('"/v2/"'))
  await rename(file, `${file}.1`)
  running.child.kill('SIGHUP')
  await until(async () => (await readFile(file, 'utf8').catch(() => undefined)) !== undefined)
  await plainRequest(`${running.url}/healthz`)
  assert.equal((await stop(running)).status, 0)
  assert.match(await readFile(file, 'utf8'), /^\{[^\n]*"path":"\/healthz"[^\n]*\}\n$/)
  assert.match(await readFile(`${file}.1`, 'utf8'), /^\{[^\n]*"path":"\/v2\/"[^\n]*\}\n$/)
})

test('the end of its terminal stops the server', { skip: findProgram('script') === undefined }, async () => {
  await using directory = await tempDir()
  const pidFile = `${directory.path}/pid`
  const words = [...cliCommand(), 'serve', `${directory.path}/new`, '--writable', '--listen', '127.0.0.1:0']
  const command = words.map((word) => `'${word}'`).join(' ')
  // It gives the program a terminal, which ends with it.
  const terminal = spawn('script', ['--quiet', '--command', `echo $$ >${pidFile}; exec ${command}`, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let text = ''
  terminal.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
  await until(() => text.includes('there are no images yet'))
  const pid = Number(await readFile(pidFile, 'utf8'))
  terminal.kill('SIGKILL')
  await until(() => !isRunning(pid))
})
