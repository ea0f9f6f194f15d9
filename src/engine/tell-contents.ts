import type { Emit } from '../copy/image-copier.ts'
import { contentsOf, type Manifest } from '../oci/manifest.ts'
import type { EngineImage } from './engine.ts'
import type { LayerOutcome } from './follow-messages.ts'

/** A manifest at the destination, and whose events are told. */
export interface ToldManifest {
  readonly manifest: Manifest
  /** The image's source reference. */
  readonly name: string
  readonly emit: Emit
}

/** What a push said of its layers, by short id; undefined where nothing was pushed. */
export interface PushOutcome {
  readonly image: EngineImage
  readonly layers: ReadonlyMap<string, LayerOutcome> | undefined
}

function shortId(digest: string): string {
  return digest.slice(digest.indexOf(':') + 1).slice(0, 12)
}

/**
 * Tells the blobs and the manifest as any other copy does, with the digests and bytes that they have at the destination. The Engine names layers by
 * what they are unpacked (classic) or packed (containerd); a manifest has them in the same order.
 */
export function tellContents({ manifest, name, emit }: ToldManifest, { image, layers }: PushOutcome): void {
  const contents = contentsOf(manifest)
  if (contents.kind === 'index') return
  const told = (digest: string, size: number, outcome: LayerOutcome): void =>
    outcome === 'copied'
      ? emit({ type: 'blob-copied', image: name, digest, size })
      : emit({ type: 'blob-skipped', image: name, digest, size, reason: outcome })
  // Podman may push without a word of layers.
  const unsaid: LayerOutcome = layers?.size === 0 ? 'copied' : 'present'
  const outcomes = contents.layers.map(
    ({ digest }, index) => layers?.get(shortId(digest)) ?? layers?.get(shortId(image.layers[index] ?? '')) ?? unsaid,
  )
  for (const [index, { digest, size }] of contents.layers.entries()) told(digest, size, outcomes[index] ?? 'present')
  // Nothing is said of the configuration: it is new where any layer is.
  const isNew = outcomes.some((outcome) => outcome !== 'present')
  told(contents.config.digest, contents.config.size, isNew ? 'copied' : 'present')
  const { digest, size } = manifest.descriptor
  if (layers !== undefined) emit({ type: 'manifest-copied', image: name, digest, size })
}
