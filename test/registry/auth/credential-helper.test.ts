import assert from 'node:assert/strict'
import { chmod } from 'node:fs/promises'
import { test } from 'node:test'
import { askCredentialHelper } from '../../../src/registry/auth/credential-helper.ts'
import { tempDir } from '../../servers/temp-dir.ts'
import { canary } from './send-authorized.ts'
import { failureOf } from './token-registry.ts'

/** Runs a helper whose body is this shell script. */
async function ask(script: string, options: { readonly timeout?: number; readonly signal?: AbortSignal } = {}) {
  await using directory = await tempDir()
  await directory.write('docker-credential-test', `#!/bin/sh\n${script}\n`)
  await chmod(`${directory.path}/docker-credential-test`, 0o700)
  return await askCredentialHelper('test', 'r.example.com', { environment: { PATH: `${directory.path}:/usr/bin:/bin` }, ...options })
}

test('asks a helper by the protocol of docker-credential-helpers', async () => {
  assert.deepEqual(await ask(`[ "$1" = get ] || exit 3; a=$(cat); echo '{"ServerURL":"'$a'","Username":"u@'$a'","Secret":"p:ä"}'`), {
    kind: 'basic',
    username: 'u@r.example.com',
    password: 'p:ä',
  })
  assert.deepEqual(await ask(`echo '{"Username":"<token>","Secret":"it"}'`), { kind: 'identity-token', token: 'it' })
})

test('returns undefined for a helper without credentials', async () => {
  assert.equal(await ask('echo "credentials not found in native keychain"; exit 1'), undefined)
  assert.equal(await ask(`echo '{"Username":"","Secret":""}'`), undefined)
})

// G118
test('reports a bounded error for a helper that is missing, fails, or prints garbage or too much', async () => {
  const cases: readonly (readonly [script: string, why: RegExp])[] = [
    [`echo ${canary}; echo ${canary} >&2; exit 1`, /failed: it ended with exit code 1$/],
    [`echo ${canary}`, /output is not JSON/],
    [`echo '{"Username":"u"}'`, /output is not JSON with/],
    [`echo '[1]'`, /output is not JSON with/],
    ['exec head -c 1000000 /dev/zero', /larger than 64 KiB/],
    ['kill -9 $$', /ended with a signal/],
  ]
  for (const [script, why] of cases) {
    const error = await failureOf(ask(script))
    assert.equal(error.code, 'INVALID_CONFIG')
    assert.match(error.message, why)
  }
  const missing = await failureOf(askCredentialHelper('not-there', 'r.example.com', { environment: { PATH: '/nonexistent' } }))
  assert.match(missing.message, /docker-credential-not-there failed: it is not installed, or not on PATH/)
})

// G118
test('gives up on a helper that hangs or leaves a hanging child', { timeout: 30_000 }, async () => {
  const error = await failureOf(ask('sleep 60', { timeout: 200 }))
  assert.match(error.message, /did not answer within 0\.2 s/)
  assert.match((await failureOf(ask('sleep 60 & exec 1>&2', { timeout: 200 }))).message, /did not answer|not JSON/)
})

test('stops waiting for a helper on an abort', async () => {
  const controller = new AbortController()
  const asked = ask('sleep 60', { signal: controller.signal })
  controller.abort(new Error('enough'))
  await assert.rejects(asked, /enough/)
})

test('does not start a helper with an invalid name', async () => {
  for (const name of ['../evil', 'a b', '$(touch x)', '', 'a/b', 'a;b']) {
    const error = await failureOf(askCredentialHelper(name, 'r.example.com'))
    assert.match(error.message, /its name contains characters other than/)
  }
})
