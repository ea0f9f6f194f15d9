import { BlobLedger, type Ends } from '../../src/copy/copy-blob.ts'
import { contentCopier } from '../../src/copy/copy-image.ts'
import type { MirrorEvent } from '../../src/copy/events.ts'
import { runImages } from '../../src/copy/run-images.ts'
import { parseReference } from '../../src/oci/reference.ts'
import type { NamedImage } from '../../src/plan/destination-names.ts'
import { resolveImage, type ResolveOptions } from '../../src/plan/resolve-image.ts'
import type { TinyImage } from '../layout/tiny-image.ts'
import { hasty, openRegistry, type OpenOptions } from '../registry/open-registry.ts'
import { memoryRegistry, type MemoryRegistry } from '../servers/memory-registry.ts'

/** How images are copied where a test wants something of its own. */
export interface CopyRun extends ResolveOptions {
  readonly jobs?: number
  readonly onEvent?: (event: MirrorEvent) => void
}

/** Two registries in memory, and the way from one to the other. */
export interface TwoMemories extends AsyncDisposable {
  readonly from: MemoryRegistry
  readonly to: MemoryRegistry
  readonly ends: Ends
  /** Puts an image to the source as `<path>:1` and names it for the destination. */
  hold(path: string, image: TinyImage): NamedImage
  /** Copies the images as a run does and gives its events. */
  copy(images: readonly NamedImage[], run?: CopyRun): Promise<readonly MirrorEvent[]>
  /** Closes both clients, as the end of a run does. */
  close(): Promise<void>
}

/** Starts both registries, empty. */
export async function twoMemories(
  options: { readonly source?: OpenOptions; readonly destination?: OpenOptions } = {},
): Promise<TwoMemories> {
  const from = await memoryRegistry()
  const to = await memoryRegistry()
  const source = openRegistry(from.url, options.source)
  const destination = openRegistry(to.url, { side: 'destination', ...options.destination })
  const ends = { source, destination, ledger: new BlobLedger(), retry: hasty }
  const close = async (): Promise<void> => {
    await source[Symbol.asyncDispose]()
    await destination[Symbol.asyncDispose]()
  }
  return {
    from,
    to,
    ends,
    hold(path, image) {
      from.hold(path, '1', image)
      return { source: parseReference(`ghcr.io/${path}:1`), destination: parseReference(`r.example/m/${path}:1`) }
    },
    async copy(images, { jobs = 4, onEvent, ...resolve } = {}) {
      const events: MirrorEvent[] = []
      const emit = (event: MirrorEvent): void => {
        events.push(event)
        onEvent?.(event)
      }
      const { recheck, signal } = resolve
      await runImages({
        images,
        resolve: (image) => resolveImage(image, source, destination, resolve),
        copier: contentCopier(ends),
        jobs,
        recheck,
        emit,
        signal,
      })
      return events
    },
    close,
    async [Symbol.asyncDispose]() {
      await close()
      await from[Symbol.asyncDispose]()
      await to[Symbol.asyncDispose]()
    },
  }
}

/** The types of events about whole images, `type image`. */
export function imageEvents(events: readonly MirrorEvent[]): readonly string[] {
  return events
    .filter(({ type }) => type.startsWith('image-') && type !== 'image-planned')
    .map((event) => `${event.type} ${'image' in event ? event.image : ''}`)
}
