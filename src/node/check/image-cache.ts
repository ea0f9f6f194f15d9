/** What K3s noted about a file of the images directory when it imported it. */
export interface CachedFile {
  /** Bytes. */
  readonly size: number
  /** Milliseconds since 1970, in whole seconds. */
  readonly modified: number
  /** False for a file whose import failed. */
  readonly hasImages: boolean
}

/** Why K3s imports a file when it starts; `unchanged`: it does not. */
export type ImportState = 'unchanged' | 'new' | 'changed' | 'fraction' | 'always'

/** The name of the file in the images directory; K3s imports only changed files while it exists: https://docs.k3s.io/installation/airgap */
export const cacheName = '.cache.json'

/** Reads the file: an object by path, or nothing for a new one. Undefined for other content, which K3s ignores. */
export function parseImageCache(text: string): ReadonlyMap<string, CachedFile> | undefined {
  if (text === '') return new Map()
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) return document === null ? new Map() : undefined
  const files = new Map<string, CachedFile>()
  for (const [path, value] of Object.entries(document)) {
    const { size, modTime, images } = (typeof value === 'object' && value !== null ? value : {}) as Readonly<Record<string, unknown>>
    if (value === null) continue
    const modified = typeof modTime === 'string' ? Date.parse(modTime) : 0
    if (typeof size !== 'number' || Number.isNaN(modified)) return undefined
    files.set(path, { size, modified, hasImages: Array.isArray(images) })
  }
  return files
}

/** What K3s does with a file when it starts. It compares the whole time of the file with the whole seconds that it noted. */
export function importState(
  cache: ReadonlyMap<string, CachedFile> | undefined,
  path: string,
  { size, modified }: { readonly size: number; readonly modified: number },
): ImportState {
  if (cache === undefined) return 'always'
  const cached = cache.get(path)
  if (cached === undefined || !cached.hasImages) return 'new'
  if (cached.size !== size) return 'changed'
  if (modified <= cached.modified) return 'unchanged'
  return Math.floor(modified / 1000) * 1000 === cached.modified ? 'fraction' : 'changed'
}
