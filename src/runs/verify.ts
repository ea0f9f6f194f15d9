import { setMaxListeners } from 'node:events'
import pLimit from 'p-limit'
import { parsePlatform } from '../oci/platform.ts'
import { formatReference, type Reference } from '../oci/reference.ts'
import type { RegistryEvents } from '../registry/transport.ts'
import { selectImages, type SelectionOptions } from '../release/select-images.ts'
import { foldVerification, verifiedImage, type NamedVerdict, type VerifiedImage, type VerifyReport } from '../report/verify-report.ts'
import { verifyImage } from '../verify/verify-image.ts'
import { openSearch, type SearchOptions } from './find-image.ts'

/** Which images, where they are looked for, and how closely. */
export interface VerifyOptions extends Omit<SelectionOptions, 'signal' | 'retry'>, Omit<SearchOptions, 'platforms'> {
  /** `os/arch[/variant]`; default: every platform that an image's index names. */
  readonly platforms?: readonly string[] | undefined
  /** Foreign layers were copied too. */
  readonly foreignLayers?: boolean | undefined
  /** Read and hash every blob. */
  readonly deep?: boolean | undefined
  /** Images at once; default 16. */
  readonly jobs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** What a verification tells while it works. */
export interface VerifyEvents extends RegistryEvents {
  /** One more image of so many is done. */
  readonly onImage?: (image: VerifiedImage, progress: { readonly done: number; readonly images: number }) => void
}

/** Images at once where nothing else is asked for. */
const defaultJobs = 16

/**
 * Looks whether every image is where it ought to be, whole, and for a node's registries.yaml whether that node could pull it. What is
 * wrong with an image is in the report; what is thrown kept the work from starting or ended it.
 */
export async function verify(options: VerifyOptions, events: VerifyEvents = {}): Promise<VerifyReport> {
  const started = performance.now()
  const stop = new AbortController()
  const signal = AbortSignal.any([stop.signal, ...(options.signal === undefined ? [] : [options.signal])])
  // Every request of the run listens to this one signal.
  setMaxListeners(0, signal)
  const platforms = options.platforms?.map(parsePlatform)
  await using search = await openSearch({ ...options, platforms }, events, { signal })
  const list = await selectImages(search.client, { ...options, signal })
  const { deep = false, foreignLayers } = options
  const limit = pLimit(options.jobs ?? defaultJobs)
  let done = 0
  const check = async (image: Reference): Promise<NamedVerdict> => {
    signal.throwIfAborted()
    const { sought, destination } = await search.find(image)
    const verdict = await verifyImage(sought, { platforms, foreignLayers, deep, signal })
    const named = { reference: formatReference(image), destination, verdict }
    events.onImage?.(verifiedImage(named), { done: ++done, images: list.images.length })
    return named
  }
  try {
    return foldVerification({
      destination: options.to,
      registries: options.registries,
      asNode: options.asNode ?? false,
      deep,
      images: await Promise.all(list.images.map((image) => limit(() => check(image)))),
      requests: search.requests(),
      seconds: (performance.now() - started) / 1000,
      lists: list.lists,
      warnings: [...list.warnings, ...search.warnings()],
    })
  } finally {
    // Where one image has ended everything, the others are not to go on.
    stop.abort(new DOMException('the verification has ended', 'AbortError'))
  }
}
