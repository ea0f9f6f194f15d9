import assert from 'node:assert/strict'
import { mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { isMirrorError } from '../../src/errors.ts'
import { mirrorToMany, type MirrorToManyOptions } from '../../src/runs/mirror-to-many.ts'
import { tinyImage } from '../layout/tiny-image.ts'
import { memoryRegistry } from '../servers/memory-registry.ts'
import { tempDir } from '../servers/temp-dir.ts'

/** What keeps a run from starting. */
async function refusal(to: readonly string[], more: Partial<MirrorToManyOptions> = {}): Promise<string> {
  const run = mirrorToMany({ references: ['rancher/a:1'], to, ...more })
  const error: unknown = await run.report.then(
    () => assert.fail('the run began'),
    (reason: unknown) => reason,
  )
  await assert.rejects(async () => {
    for await (const event of run) assert.fail(event.type)
  })
  assert.ok(isMirrorError(error))
  return `${error.code}: ${error.message}`
}

test('refuses two names of one destination', async () => {
  await using directory = await tempDir()
  await mkdir(join(directory.path, 'real'))
  await symlink('real', join(directory.path, 'link'))
  for (const [first, second] of [
    ['a.example', 'https://a.example'],
    ['a.example/m', 'A.example/m/'],
    ['a.example:443/m', 'https://a.example/v2/m'],
    ['localhost:5000', 'http://localhost:5000/'],
    ['oci:x', 'oci:./x/../x'],
    [`oci:${directory.path}/real/new`, `oci:${directory.path}/link/new`],
  ] as const) {
    assert.equal(await refusal([first, second]), `USAGE: invalid options.to: "${first}" and "${second}" are the same destination`)
  }
  assert.equal(await refusal(['a.example', 'a.example']), 'USAGE: invalid options.to: "a.example" is given twice')
})

test('refuses credentials that would go to several registries', async () => {
  const destinationCredentials = { username: 'robot', password: 'hunter2' }
  assert.equal(
    await refusal(['a.example', 'b.example', 'oci:x'], { destinationCredentials }),
    'USAGE: K3S_MIRROR_USERNAME and K3S_MIRROR_PASSWORD do not say which registry they are for: https://a.example and https://b.example',
  )
})

test('sends the credentials to the prefixes of one registry, and to no other host', async () => {
  await using source = await memoryRegistry()
  source.hold('rancher/a', '1', tinyImage())
  const challenge = { 'www-authenticate': 'Basic realm="test"' }
  await using registry = await memoryRegistry(({ headers }, response) => {
    if (headers.authorization !== undefined) return false
    response.writeHead(401, challenge).end()
    return true
  })
  await using directory = await tempDir()
  const { totals } = await mirrorToMany({
    references: ['rancher/a:1'],
    from: { '*': source.url },
    to: [registry.url, `${registry.url}/nested`, `oci:${directory.path}/x`],
    destinationCredentials: { username: 'robot', password: 'hunter2' },
  }).report
  assert.equal(totals.copied, 3)
  assert.ok(source.requests.every(({ headers }) => headers.authorization === undefined))
})

test('refuses several destinations through a Docker Engine', async () => {
  assert.match(
    await refusal(['a.example', 'b.example'], { via: 'docker' }),
    /^USAGE: several options\.to are unsupported with options\.via docker/,
  )
})

test('refuses anything but an array of destinations', () => {
  for (const to of ['a.example', [], [1]] as unknown as string[][]) {
    assert.throws(() => mirrorToMany({ to, references: ['rancher/a:1'] }), /options\.to must be an array of at least one string/)
  }
})
