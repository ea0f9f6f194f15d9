import type { Descriptor } from './descriptor.ts'
import { contentsOf, type Manifest, type ManifestContents } from './manifest.ts'

/** Indexes inside each other that are entered: the root and two below it. */
export const maxNesting = 3

/** A manifest on a walk: what names it, and what it refers to. */
export interface WalkedManifest {
  readonly entry: Descriptor
  readonly manifest: Manifest
  readonly contents: ManifestContents
  /** Indexes above it. */
  readonly depth: number
}

/** How the manifests below a root are walked, and what is made of them. */
export interface Walker<T> {
  /** The manifest of an entry; where it is not to be entered undefined, or what comes of it instead. */
  read(entry: Descriptor, depth: number): Promise<Manifest | { readonly instead: T } | undefined>
  /** Called before an index is entered: those of its entries that are, in order; default: all. */
  choose?(entries: readonly Descriptor[], depth: number): readonly Descriptor[] | Promise<readonly Descriptor[]>
  /** Called for each manifest once everything below it has been visited, with what came of that, in the order of the index. */
  visit?(walked: WalkedManifest, below: readonly T[]): T | Promise<T>
  /** Called in place of entering an index that lies deeper than `maxNesting`; default: it is entered. */
  tooDeep?(why: string): T
  /** Walk the entries of an index side by side instead of one after another. */
  readonly isSideBySide?: boolean
}

/** The descriptors that a manifest refers to: an index its manifests, an image its config and then its layers. */
export function referencesOf(contents: ManifestContents): readonly Descriptor[] {
  return contents.kind === 'index' ? contents.manifests : [contents.config, ...contents.layers]
}

/** Walks from a root over every manifest below it, each once however many indexes name it, so that an index that names itself ends the walk too. */
export async function walkImage<T = void>(root: Descriptor, walker: Walker<T>): Promise<T | undefined> {
  const seen = new Set<string>()
  const enter = async (entry: Descriptor, depth: number): Promise<T | undefined> => {
    // Entries of one digest and different sizes cannot all be right.
    const key = `${entry.digest} ${entry.size}`
    if (seen.has(key)) return undefined
    seen.add(key)
    const manifest = await walker.read(entry, depth)
    if (manifest === undefined || 'instead' in manifest) return manifest?.instead
    const contents = contentsOf(manifest)
    const below: (T | undefined)[] = []
    if (contents.kind === 'index') {
      if (depth >= maxNesting && walker.tooDeep !== undefined) return walker.tooDeep(`nests indexes more than ${maxNesting} deep`)
      const entries = (await walker.choose?.(contents.manifests, depth)) ?? contents.manifests
      if (walker.isSideBySide === true) below.push(...(await Promise.all(entries.map((child) => enter(child, depth + 1)))))
      else for (const child of entries) below.push(await enter(child, depth + 1))
    }
    return walker.visit?.(
      { entry, manifest, contents, depth },
      below.filter((one) => one !== undefined),
    )
  }
  return enter(root, 0)
}
