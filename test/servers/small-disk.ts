import { execFile } from 'node:child_process'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'
import { tempDir } from './temp-dir.ts'

const run = promisify(execFile)

/** A file system of its own. */
export interface SmallDisk extends AsyncDisposable {
  readonly path: string
  /** Writes a file until no byte more fits. */
  fill(): Promise<void>
}

/** Mounts a file system of this size in memory; where that is not allowed, the test is skipped and the result is undefined. */
export async function smallDisk(t: TestContext, size: string): Promise<SmallDisk | undefined> {
  const dir = await tempDir()
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', dir.path])
  } catch {
    await dir[Symbol.asyncDispose]()
    t.skip('mounting a small file system is not allowed here')
    return undefined
  }
  return {
    path: dir.path,
    async fill() {
      const file = await open(join(dir.path, 'filler'), 'a')
      try {
        for (let bytes = 65_536; bytes >= 1; bytes >>= 1) {
          for (;;) {
            try {
              await file.write(Buffer.alloc(bytes, 1))
            } catch {
              break
            }
          }
        }
      } finally {
        await file.close()
      }
    },
    async [Symbol.asyncDispose]() {
      await run('umount', [dir.path])
      await dir[Symbol.asyncDispose]()
    },
  }
}
