import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DestinationView, type DestinationRegistry } from '../../src/engine/destination-view.ts'
import type { LookedUp } from '../../src/engine/engine.ts'
import { MirrorError } from '../../src/errors.ts'
import { sha256 } from '../../src/oci/digest.ts'
import { parseReference } from '../../src/oci/reference.ts'

const reference = parseReference('registry.example.com/x:1')
const [ours, other] = [sha256(Buffer.from('ours')), sha256(Buffer.from('other'))]
const looked = (digest: typeof ours): LookedUp => ({
  root: { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest, size: 1 },
  platforms: [],
})

/** A view over a registry whose HEAD gives this, and an Engine whose look gives that; counts both. */
function view(head: typeof ours | MirrorError | undefined, look: typeof ours | MirrorError | undefined) {
  const asked = { http: 0, engine: 0, warnings: [] as string[] }
  const registry = {
    headManifest: () => {
      asked.http++
      return head instanceof MirrorError ? Promise.reject(head) : Promise.resolve(head && looked(head).root)
    },
    getManifest: () => Promise.reject(head instanceof MirrorError ? head : new MirrorError('NOT_FOUND', 'x')),
    getBlob: () => Promise.reject(new MirrorError('NOT_FOUND', 'x')),
    putManifest: () => Promise.resolve(),
    deleteTag: () => Promise.resolve(true),
  } satisfies DestinationRegistry
  const lookUp = (): Promise<LookedUp | undefined> => {
    asked.engine++
    return look instanceof MirrorError ? Promise.reject(look) : Promise.resolve(look && looked(look))
  }
  return { asked, view: new DestinationView({ registry, lookUp, onWarning: (message) => asked.warnings.push(message) }) }
}

test('a HEAD that finds the digest is the proof, and the Engine is not asked', async () => {
  const { view: destination, asked } = view(ours, other)
  await destination.prove(reference, ours)
  assert.deepEqual([asked.http, asked.engine], [1, 0])
})

test('does not accept another digest, or a missing one, as proof', async () => {
  await assert.rejects(view(other, undefined).view.prove(reference, ours), { code: 'PROTOCOL', message: new RegExp(`has ${other} there`) })
  await assert.rejects(view(undefined, undefined).view.prove(reference, ours), { code: 'PROTOCOL', message: /has no such tag/ })
})

test('asks the Engine where a repository is absent without a login', async () => {
  await view(undefined, ours).view.prove(reference, ours)
})

for (const code of ['UNREACHABLE', 'TLS', 'TIMEOUT', 'UNAUTHORIZED'] as const) {
  test(`looks up names through the Engine after ${code}, with one warning and no more HTTP requests`, async () => {
    const { view: destination, asked } = view(new MirrorError(code, 'no way'), ours)
    await destination.prove(reference, ours)
    await destination.prove(reference, ours)
    assert.equal(await destination.manifest(reference, ours), undefined)
    assert.deepEqual([asked.http, asked.engine, asked.warnings.length], [1, 2, 1])
    assert.match(asked.warnings[0] ?? '', /only through the Docker Engine.*no way/)
  })
}

test('of two that find no way in at once, one warns', async () => {
  const { view: destination, asked } = view(new MirrorError('TLS', 'no way'), ours)
  await Promise.all([destination.prove(reference, ours), destination.prove(reference, ours)])
  assert.equal(asked.warnings.length, 1)
  assert.equal(destination.closed?.code, 'TLS')
})

test('throws a failure that the Engine could not avoid', async () => {
  await assert.rejects(view(new MirrorError('PROTOCOL', 'nonsense'), ours).view.find(reference), { code: 'PROTOCOL' })
})

test('treats a repository that the Engine may not see as absent, and reports other failures with the first reason', async () => {
  const refused = new MirrorError('DENIED', 'no')
  assert.equal(await view(new MirrorError('TLS', 'no way'), refused).view.find(reference), undefined)
  await assert.rejects(view(new MirrorError('TLS', 'no way'), new MirrorError('UNAVAILABLE', 'x')).view.find(reference), { code: 'TLS' })
})
