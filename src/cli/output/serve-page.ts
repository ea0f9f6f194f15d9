import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isMirrorError } from '../../errors.ts'
import type { LayoutReader } from '../../layout/layout.ts'
import type { PageSources } from '../../registry-server/own-paths.ts'
import { nodeRegistries } from './serve-nodes.ts'

async function modifiedAt(path: string): Promise<Date | undefined> {
  try {
    return (await stat(path)).mtime
  } catch {
    return undefined
  }
}

/** What the page of a served layout shows beside its contents; times are those of its files. */
export function pageSources(directory: string, layout: LayoutReader): PageSources {
  return {
    nodeRegistries: (origin) => {
      try {
        return nodeRegistries(layout, origin)
      } catch (error) {
        // Names that no registries.yaml can express cost the page that part alone.
        if (isMirrorError(error)) return undefined
        throw error
      }
    },
    storedAt: (digest) => modifiedAt(join(directory, 'blobs', ...digest.split(':'))),
    changedAt: () => modifiedAt(join(directory, 'index.json')),
  }
}
