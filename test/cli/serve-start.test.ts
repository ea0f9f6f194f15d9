import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { connect, createServer, type AddressInfo } from 'node:net'
import { test } from 'node:test'
import { openLayout } from '../../src/layout/open-layout.ts'
import { certificateAuthority } from '../servers/certificates.ts'
import { runCli, startCli } from '../servers/run-cli.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { serve, stop } from './serve-cli.ts'

test('names what to pass where there is no layout', async () => {
  await using directory = await tempDir()
  const cwd = directory.path
  await mkdir(`${cwd}/empty`)
  await mkdir(`${cwd}/outer/inner`, { recursive: true })
  await (await openLayout(`${cwd}/outer/inner/site`, { durable: false })).close()
  const cases: readonly (readonly [args: readonly string[], status: number, lines: RegExp])[] = [
    [
      ['nothere'],
      2,
      /^error: nothere does not exist \(NOT_FOUND\)\nhint: check the path, or pass --writable to create an empty layout at nothere\n$/,
    ],
    [['oci:nothere'], 2, /^error: nothere does not exist \(NOT_FOUND\)\n/],
    [
      ['outer/inner/sit'],
      2,
      /^error: outer\/inner\/sit does not exist .*\nhint: Did you mean outer\/inner\/site\? Or pass --writable to create an empty layout at outer\/inner\/sit\n$/,
    ],
    [
      ['outer/inner'],
      2,
      /^error: outer\/inner is not an OCI layout: the file oci-layout is missing .*\nhint: Did you mean outer\/inner\/site\?\n$/,
    ],
    [['outer'], 2, /\nhint: pass a directory that contains oci-layout and index\.json, or a bundle\n$/],
    [
      ['empty'],
      2,
      /^error: empty is not an OCI layout: the directory is empty .*\nhint: pass --writable to create a layout there, or .*--to oci:empty\n$/,
    ],
    [
      ['outer/inner/site/index.json'],
      2,
      /^error: .* is a file of an OCI layout \(USAGE\)\nhint: pass the directory: k3s-mirror serve outer\/inner\/site\n$/,
    ],
  ]
  for (const [args, status, lines] of cases) {
    const result = await runCli(['serve', ...args], { cwd })
    assert.equal(result.status, status, result.stderr)
    assert.match(result.stderr, lines)
  }
})

test('serves oci:<directory>, the form of --to', async () => {
  await using directory = await tempDir()
  await (await openLayout(`${directory.path}/site`, { durable: false })).close()
  const { stderr } = await stop(await serve(`oci:${directory.path}/site`))
  assert.match(stderr, /^there are no images: copy some into the layout, then start serve again$/m)
})

test('names the expected form of --listen, and what to pass for an address that cannot be used', async () => {
  await using directory = await tempDir()
  const busy = createServer().listen(0, '127.0.0.1').unref()
  await once(busy, 'listening')
  const { port } = busy.address() as AddressInfo
  const cases: readonly (readonly [listen: string, status: number, lines: RegExp])[] = [
    [
      '5000',
      2,
      /invalid value "5000" for --listen: expected host:port: 127\.0\.0\.1:5000 for this machine only, or :5000 for every address/,
    ],
    ['host', 2, /invalid value "host" for --listen: expected host:port, as in 127\.0\.0\.1:5000, or :5000 for every address/],
    ['127.0.0.1:80000', 2, /expected a port of at most 65535/],
    [
      `127.0.0.1:${port}`,
      6,
      /: the port is in use \(EADDRINUSE\) \(LOCAL_IO\)\nhint: stop the program that uses the port, or pass --listen 127\.0\.0\.1:\d+\n$/,
    ],
    [
      '192.0.2.1:5000',
      6,
      /: this machine does not have the address \(EADDRNOTAVAIL\) \(LOCAL_IO\)\nhint: pass an address of this machine, as in --listen 127\.0\.0\.1:5000, or --listen :5000 /,
    ],
  ]
  for (const [listen, status, lines] of cases) {
    const result = await runCli(['serve', `${directory.path}/new`, '--writable', '--listen', listen])
    assert.equal(result.status, status, result.stderr)
    assert.match(result.stderr, lines)
  }
  busy.close()
})

test('warns of a password file without users, and of a writable server without passwords beyond loopback', async () => {
  await using directory = await tempDir()
  const empty = await serve(`${directory.path}/new`, '--writable', '--htpasswd', await directory.write('htpasswd', '# no one\n'))
  assert.doesNotMatch((await stop(empty)).stderr, /anyone who reaches/)
  const open = await startCli([
    'serve',
    `${directory.path}/new`,
    '--writable',
    '--listen',
    '0.0.0.0:0',
    '--htpasswd',
    `${directory.path}/htpasswd`,
  ])
  let text = ''
  for await (const chunk of open.child.stderr ?? []) if ((text += String(chunk)).includes('no images yet')) break
  open.child.kill('SIGINT')
  await open.finished
  assert.match(text, /^warning: .*htpasswd has no users: every request is denied; add one with: htpasswd -B .*htpasswd <user>$/m)
  const bare = await startCli(['serve', `${directory.path}/new`, '--writable', '--listen', '0.0.0.0:0'])
  const [first] = (await once(bare.child.stderr ?? process, 'data')) as [Buffer]
  assert.match(
    first.toString(),
    /^warning: anyone who reaches this server can push and delete images: pass --htpasswd <file>, or listen on loopback$/m,
  )
  bare.child.kill('SIGINT')
  await bare.finished
})

test('answers plain HTTP on the port of HTTPS with 400', async () => {
  await using directory = await tempDir()
  const { certificate, key } = await (await certificateAuthority()).server()
  const options = ['--tls-cert', await directory.write('server.crt', certificate), '--tls-key', await directory.write('server.key', key)]
  const running = await serve(`${directory.path}/new`, '--writable', ...options)
  const socket = connect(Number(new URL(running.url).port), '127.0.0.1')
  socket.write('GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n')
  let answer = ''
  for await (const chunk of socket) answer += String(chunk)
  assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n[^]*\r\n\r\nThis server requires HTTPS: use https:\/\/ instead of http:\/\/\n$/)
  assert.equal((await stop(running)).status, 0)
})
