import { stat } from 'node:fs/promises'
import { isMirrorError } from '../../errors.ts'
import type { PageSources } from '../../registry-server/own-paths.ts'
import type { Served } from '../options/served.ts'
import { nodeRegistries } from './serve-nodes.ts'

async function modifiedAt(path: string): Promise<Date | undefined> {
  try {
    return (await stat(path)).mtime
  } catch {
    return undefined
  }
}

/** What the page of a served layout or bundle shows beside its contents; times are those of its files. */
export function pageSources(
  { reader, lists = [], namesPath, contentPath }: Omit<Served, keyof AsyncDisposable>,
  hasPasswords: boolean,
): PageSources {
  return {
    lists,
    nodeRegistries: (origin) => {
      try {
        return nodeRegistries(reader, origin, hasPasswords)
      } catch (error) {
        // Names that no registries.yaml can express cost the page that part alone.
        if (isMirrorError(error)) return undefined
        throw error
      }
    },
    storedAt: (digest) => modifiedAt(contentPath(digest)),
    changedAt: () => modifiedAt(namesPath),
  }
}
