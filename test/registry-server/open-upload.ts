import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Answer, TestRegistry } from './start-registry.ts'

/** Where uploads are opened. */
export const uploads = '/v2/a/b/blobs/uploads/'

/** Opens an upload, and gives its Location. */
export async function openUpload(registry: TestRegistry): Promise<string> {
  const answer = await registry.call('POST', uploads)
  assert.equal(answer.status, 202)
  assert.equal(answer.headers.range, '0-0')
  return answer.headers.location ?? ''
}

/** The files of uploads that have not ended. */
export async function leftovers(registry: TestRegistry): Promise<string[]> {
  return readdir(join(registry.directory, '.k3s-mirror/uploads'))
}

/** Checks that an upload has ended with the blob stored, and left nothing else. */
export async function checkStored(registry: TestRegistry, answer: Answer, bytes: Uint8Array, digest: string): Promise<void> {
  assert.equal(answer.status, 201, answer.body.toString())
  assert.equal(answer.headers['docker-content-digest'], digest)
  const got = await registry.call('GET', answer.headers.location ?? '')
  assert.ok(got.body.equals(bytes))
  assert.deepEqual(await leftovers(registry), [])
}
