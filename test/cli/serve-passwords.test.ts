import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { hashSync } from 'bcryptjs'
import { startRegistry } from '../registry-server/start-registry.ts'
import { compareRelease } from '../servers/compare-release.ts'
import { plainRequest } from '../servers/http-request.ts'
import { k3sImages } from '../servers/release-shapes.ts'
import { runCli, startCli } from '../servers/run-cli.ts'
import { seedRelease } from '../servers/seed-release.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { serve, stop } from './serve-cli.ts'

const entry = (user: string, password: string): string => `${user}:${hashSync(password, 4)}\n`
const basic = (user: string, password: string): { readonly authorization: string } => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
})

test('requires a password for every path with --htpasswd, and serves a mirror that has one', async () => {
  await using directory = await tempDir()
  await using from = await startRegistry()
  const release = await seedRelease(from.url, { images: k3sImages.slice(3, 5) })
  const htpasswd = await directory.write('htpasswd', entry('ann', 'sesame'))
  const running = await serve(`${directory.path}/new`, '--writable', '--htpasswd', htpasswd, '--verbose')
  try {
    for (const [method, path] of [
      ['GET', '/v2/'],
      ['GET', '/v2/_catalog'],
      ['PUT', '/v2/a/manifests/1'],
      ['GET', '/none'],
      ['GET', '/'],
      ['GET', '/registries.yaml'],
      ['GET', '/metrics'],
    ] as const) {
      const { status, headers, body } = await plainRequest(`${running.url}${path}`, { method })
      assert.deepEqual([status, headers['www-authenticate']], [401, 'Basic realm="k3s-mirror"'])
      assert.equal((JSON.parse(body.toString()) as { errors: { code: string }[] }).errors[0]?.code, 'UNAUTHORIZED')
    }
    assert.equal((await plainRequest(`${running.url}/v2/`, { headers: basic('ann', 'wrong') })).status, 401)
    assert.equal((await plainRequest(`${running.url}/v2/`, { headers: basic('ann', 'sesame') })).status, 200)
    const mirror = ['mirror', '--images', '-', '--from', `docker.io=${from.url}`, '--to', running.url]
    const refused = await runCli(mirror, { stdin: release.list })
    assert.match(refused.stderr, /UNAUTHORIZED/)
    const env = { K3S_MIRROR_USERNAME: 'ann', K3S_MIRROR_PASSWORD: 'sesame' }
    const done = await runCli(mirror, { stdin: release.list, env })
    assert.equal(done.status, 0, done.stderr)
  } finally {
    const { stderr } = await stop(running)
    assert.doesNotMatch(stderr, /warning|sesame|\$2/)
  }
  const open = await serve(`${directory.path}/new`)
  try {
    await compareRelease(open.url, '', release)
  } finally {
    await stop(open)
  }
})

test('follows the password file, and keeps the users while the file is broken', async () => {
  await using directory = await tempDir()
  const htpasswd = await directory.write('htpasswd', entry('ann', 'one'))
  const running = await serve(`${directory.path}/new`, '--writable', '--htpasswd', htpasswd)
  const status = async (user: string, password: string): Promise<number> =>
    (await plainRequest(`${running.url}/v2/`, { headers: basic(user, password) })).status
  try {
    assert.equal(await status('ann', 'one'), 200)
    await writeFile(htpasswd, entry('bob', 'two'))
    while ((await status('bob', 'two')) !== 200) await new Promise(setImmediate)
    assert.equal(await status('ann', 'one'), 401)
    let logged = ''
    const warned = new Promise<void>((resolve) => {
      running.child.stderr?.on('data', (chunk: Buffer) => {
        logged += chunk.toString()
        if (logged.includes('is not reloaded')) resolve()
      })
    })
    await writeFile(htpasswd, 'bob:plain-secret\n')
    await warned
    assert.match(logged, /warning: the password file .*htpasswd is not reloaded: line 1 /)
    assert.doesNotMatch(logged, /plain-secret/)
    assert.equal(await status('bob', 'two'), 200)
  } finally {
    await stop(running)
  }
})

test('refuses other hashes than bcrypt, and warns of plain HTTP beyond loopback', async () => {
  await using directory = await tempDir()
  const serveHere = ['serve', `${directory.path}/new`, '--writable', '--htpasswd']
  const other = await runCli([...serveHere, await directory.write('other', 'ann:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n')])
  assert.equal(other.status, 2)
  assert.match(other.stderr, /^error: line 1 of the htpasswd file .*\(INVALID_CONFIG\)\nhint: .*htpasswd -B/)
  assert.doesNotMatch(other.stderr, /W6ph/)
  const missing = await runCli([...serveHere, `${directory.path}/none`])
  assert.equal(missing.status, 2)
  assert.match(missing.stderr, / of --htpasswd: no such file or directory \(LOCAL_IO\)/)
  const running = await startCli([...serveHere, await directory.write('good', entry('ann', 'x')), '--listen', '0.0.0.0:0'])
  const warned = new Promise<string>((resolve) => running.child.stderr?.on('data', (chunk: Buffer) => resolve(chunk.toString())))
  assert.match(await warned, /^warning: passwords travel unencrypted/)
  running.child.kill('SIGINT')
  await running.finished
})
