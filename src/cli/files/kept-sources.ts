import { stat } from 'node:fs/promises'
import { readVersion } from '../../release/version.ts'
import type { PruneOptions } from '../../runs/prune.ts'

/** What only files and places are called. */
const placeForm = /^(?:-$|oci:|[a-z][a-z0-9+.-]*:\/\/|\.{0,2}\/|~)|\.(?:txt|list|lock|json|ya?ml|tgz|tzst|tar(?:\.\w+)*)$/i

/** Sorts what is kept into releases and channels, lists and archives, and single images: a file that exists is a list, and a name with `/`, `:` or `@` an image. */
export async function readKeptSources(sources: readonly string[]): Promise<Pick<PruneOptions, 'releases' | 'images' | 'references'>> {
  const kept = { releases: [] as string[], images: [] as string[], references: [] as string[] }
  for (const source of sources) {
    const isPlace = placeForm.test(source) || (await stat(source).catch(() => undefined))?.isFile() === true
    if (readVersion(source) !== undefined) kept.releases.push(source)
    else if (source === '' || isPlace) kept.images.push(source)
    else if (/[/:@]/.test(source)) kept.references.push(source)
    else kept.releases.push(source)
  }
  return kept
}
