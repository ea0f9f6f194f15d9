import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tinyIndex } from '../layout/tiny-image.ts'
import { blackHole } from '../servers/black-hole.ts'
import { memoryRegistry, type Intercept } from '../servers/memory-registry.ts'
import { runCli } from '../servers/run-cli.ts'

const names = Array.from({ length: 40 }, (_, index) => `acme/app${index}`)
const list = names.map((name) => `docker.io/${name}:1\n`).join('')

/** A registry that holds all images. */
async function holder(intercept?: Intercept) {
  const registry = await memoryRegistry(intercept)
  for (const name of names) registry.hold(name, '1', tinyIndex())
  return registry
}

/** Every image fails, for the same reason; the bound is half of what it takes where each image waits for itself. */
async function allFail(reason: RegExp, args: readonly string[]): Promise<void> {
  const started = performance.now()
  const { status, stdout, stderr } = await runCli([...args, '--images', '-', '--timeout', '1'], { stdin: list, timeout: 180_000 })
  const took = performance.now() - started
  assert.notEqual(status, 0)
  assert.match(stdout + stderr, reason)
  assert.ok(took < 90_000, `${args.join(' ')}: ${took} ms`)
}

const late = /cannot connect to http:\/\/127\.0\.0\.1:\d+: timed out/

test('a registry that drops packets is found out once for all images', { skip: process.platform !== 'linux' }, async () => {
  await using hole = await blackHole()
  await using whole = await holder()
  const gone = `http://${hole.host}`
  await Promise.all([
    allFail(late, ['mirror', '--from', `docker.io=${gone}`, '--to', whole.url]),
    allFail(late, ['mirror', '--from', `docker.io=${whole.url}`, '--to', gone]),
    allFail(/timed out/, ['verify', '--from', `docker.io=${gone}`, '--to', whole.url]),
    allFail(/timed out/, ['verify', '--to', gone]),
  ])
})

test('so is a place that a registry names, be it a storage or a token server', { skip: process.platform !== 'linux' }, async () => {
  await using hole = await blackHole()
  await using whole = await memoryRegistry()
  const gone = `http://${hole.host}`
  await using stored = await holder(({ kind }, response) => {
    if (kind === 'blob-get') response.writeHead(307, { location: `${gone}/blob` }).end()
    return kind === 'blob-get'
  })
  await using locked = await holder((_request, response) => {
    response.writeHead(401, { 'www-authenticate': `Bearer realm="${gone}/token"` }).end()
    return true
  })
  await Promise.all([
    allFail(/redirected there/, ['mirror', '--from', `docker.io=${stored.url}`, '--to', whole.url]),
    allFail(late, ['mirror', '--from', `docker.io=${locked.url}`, '--to', whole.url]),
  ])
})
