import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { Branch } from '../../src/fan-out/branch.ts'
import { FanOut } from '../../src/fan-out/fan-out.ts'
import type { ImageSource } from '../../src/oci/image-source.ts'
import { bytesOf, contentOf, tinyBlob } from '../layout/tiny-image.ts'
import { hasty } from '../registry/open-registry.ts'

const repository = { registry: 'docker.io', path: 'rancher/a' }
const megabyte = 1024 * 1024

/** Two destinations of one source with one blob, and the offsets at which it was read. */
function twoBranches(size: number) {
  const { bytes, descriptor } = tinyBlob(randomBytes(size))
  const offsets: number[] = []
  const read: ImageSource['getBlob'] = async (_repository, _descriptor, { offset = 0 } = {}) => {
    offsets.push(offset)
    return contentOf(bytes.subarray(offset), 100_000)
  }
  const source = { getBlob: read } as ImageSource
  const fanOut = new FanOut<Branch>(source, new AbortController().signal)
  const nothing = (): Promise<never> => Promise.reject(new Error('nothing is read back'))
  const [first, second] = [new Branch(fanOut, nothing), new Branch(fanOut, nothing)]
  const open = (branch: Branch) => branch.openBlob(repository, descriptor, { retry: hasty })
  return { bytes, descriptor, offsets, first, second, open }
}

test('waits for another destination no longer than that one holds up the source', async () => {
  const { bytes, offsets, first, second, open } = twoBranches(12 * megabyte)
  let taken = 0
  let letGo = (): void => undefined
  const free = new Promise<void>((resolve) => (letGo = resolve))
  let blocked: Promise<void> | undefined
  const stuck = new Promise<void>((resolve) => {
    blocked = open(first).then((content) =>
      content.read((chunk) => {
        taken += chunk.length
        if (taken < 6 * megabyte) return
        resolve()
        return free
      }),
    )
  })
  await stuck
  // It cannot join any more, and waits until patience ends.
  assert.deepEqual(await bytesOf(await open(second)), Buffer.from(bytes))
  assert.deepEqual(offsets, [0, 0])
  letGo()
  await blocked
})

test('reads the source itself at once where the other destination fails', async () => {
  const { bytes, offsets, first, second, open } = twoBranches(12 * megabyte)
  let taken = 0
  let late: Promise<Buffer> | undefined
  const failing = (await open(first)).read((chunk) => {
    taken += chunk.length
    if (taken < 6 * megabyte) return
    late = open(second).then(bytesOf)
    throw new Error('the disk is full')
  })
  await assert.rejects(failing, /the disk is full/)
  assert.deepEqual(await late, Buffer.from(bytes))
  assert.deepEqual(offsets, [0, 0])
})

test('keeps a small blob until every destination has had it', async () => {
  const { bytes, offsets, first, second, open } = twoBranches(2000)
  const progress: number[] = []
  assert.deepEqual(await bytesOf(await open(first)), Buffer.from(bytes))
  const { descriptor } = tinyBlob(bytes)
  const content = await second.openBlob(repository, descriptor, { onProgress: (done) => progress.push(done) })
  assert.deepEqual(await bytesOf(content), Buffer.from(bytes))
  assert.deepEqual([offsets, progress], [[0], [2000]])
})
