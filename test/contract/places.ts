import type { TestContext } from 'node:test'
import { openLayout } from '../../src/layout/open-layout.ts'
import type { ImageDestination } from '../../src/oci/image-destination.ts'
import type { ImageSource } from '../../src/oci/image-source.ts'
import { startRegistry } from '../registry-server/start-registry.ts'
import { openRegistry } from '../registry/open-registry.ts'
import { startDockerRegistry } from '../servers/docker-registry.ts'
import { memoryRegistry } from '../servers/memory-registry.ts'
import { requireServer } from '../servers/require-server.ts'
import { tempDir } from '../servers/temp-dir.ts'

/** An empty place, to write to and to read from. */
export interface Place extends AsyncDisposable {
  readonly source: ImageSource
  readonly destination: ImageDestination
}

function atRegistry(server: { readonly url: string } & AsyncDisposable): Place {
  const source = openRegistry(server.url)
  const destination = openRegistry(server.url, { side: 'destination' })
  return {
    source,
    destination,
    async [Symbol.asyncDispose]() {
      for (const part of [source, destination, server]) await part[Symbol.asyncDispose]()
    },
  }
}

async function onDisk(): Promise<Place> {
  const dir = await tempDir()
  const layout = await openLayout(dir.path, { durable: false })
  return {
    source: layout,
    destination: layout,
    async [Symbol.asyncDispose]() {
      await layout.close()
      await dir[Symbol.asyncDispose]()
    },
  }
}

/** Every place that images can be read from and written to, by name; undefined where its program is not installed, and then the test is skipped. */
export const places: Readonly<Record<string, (t: TestContext) => Promise<Place | undefined>>> = {
  'a layout on disk': onDisk,
  'our registry server': async () => atRegistry(await startRegistry()),
  'docker-registry': async (t) => (requireServer(t, 'docker-registry') ? atRegistry(await startDockerRegistry()) : undefined),
  // the tests' own, so that it behaves as the others do
  'the registry in memory': async () => atRegistry(await memoryRegistry()),
}
