import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A directory of its own that is removed with everything in it when disposed of. */
export interface TempDir extends AsyncDisposable {
  readonly path: string
  /** Writes a file into the directory, readable only by its owner, and returns its path. */
  write(name: string, content: string | Uint8Array): Promise<string>
}

/** Makes an empty temporary directory: `await using dir = await tempDir()`. */
export async function tempDir(): Promise<TempDir> {
  const path = await mkdtemp(join(tmpdir(), 'k3s-mirror-test-'))
  return {
    path,
    async write(name, content) {
      const file = join(path, name)
      await writeFile(file, content, { mode: 0o600 })
      return file
    },
    async [Symbol.asyncDispose]() {
      await rm(path, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}
