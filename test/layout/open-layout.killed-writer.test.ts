import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { LayoutReader } from '../../src/layout/layout.ts'
import { openLayout, readLayout } from '../../src/layout/open-layout.ts'
import { parseManifest } from '../../src/oci/manifest.ts'
import { tempDir } from '../servers/temp-dir.ts'

const program = fileURLToPath(new URL('write-forever.ts', import.meta.url))
const repository = { registry: 'docker.io', path: 'rancher/x' }

/** Starts the writer, kills it after so many lines, and gives the lines it printed in full. */
async function killedAfter(directory: string, count: number): Promise<string[]> {
  const child: ChildProcess = spawn(process.execPath, ['--import', 'tsx', program, directory], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  assert.ok(child.stdout !== null)
  const lines: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line)
    if (lines.length === count) child.kill('SIGKILL')
  }
  await exited
  return lines.filter((line) => line !== 'open')
}

/** Every tag has all its children and blobs, with the right bytes. */
async function checkWhole(layout: LayoutReader): Promise<void> {
  for (const tag of layout.tags(repository)) {
    const root = parseManifest((await layout.getManifest({ ...repository, tag })).bytes)
    assert.ok(root.kind === 'index')
    for (const { digest } of root.manifests) {
      const child = parseManifest((await layout.getManifest({ ...repository, digest })).bytes)
      assert.ok(child.kind === 'image')
      for (const blob of [child.config, ...child.layers]) assert.ok(await layout.verifyBlob(blob.digest))
    }
  }
}

test(
  'after kill -9 everything acknowledged is there, nothing is half there, and the next writer takes over',
  { timeout: 60_000 },
  async () => {
    await using dir = await tempDir()
    const acknowledged = new Map<string, string>()
    for (const count of [1, 3, 40, 97]) {
      for (const line of await killedAfter(dir.path, count)) {
        const [tag = '', digest = ''] = line.split(' ')
        if (digest === 'gone') acknowledged.delete(tag)
        else acknowledged.set(tag, digest)
      }
      const reader = await readLayout(dir.path)
      for (const [tag, digest] of acknowledged) assert.equal((await reader.headManifest({ ...repository, tag }))?.digest, digest)
      await checkWhole(reader)
      await using layout = await openLayout(dir.path)
      assert.deepEqual(await readdir(join(dir.path, '.k3s-mirror/uploads')), [])
      assert.deepEqual(layout.tags(repository), reader.tags(repository))
    }
    assert.ok(acknowledged.size > 20)
  },
)
