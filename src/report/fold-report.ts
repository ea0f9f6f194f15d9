import type { EngineSummary, ErrorSummary, ImageNames, MirrorEvent } from '../copy/events.ts'
import type { ImageBytes, ImageReport, ImageStatus, ListReport, MirrorReport } from './report.ts'

/** How one blob or manifest came to be at the destination, weakest first: a later, stronger word replaces a weaker one. */
const outcomes = ['present', 'mounted', 'copied'] as const
type Outcome = (typeof outcomes)[number]

interface ImageState extends ImageNames {
  digest?: string
  platforms: readonly string[]
  digestPreserved: boolean
  size: number
  done: 'copied' | 'up-to-date' | undefined
  error: ErrorSummary | undefined
  readonly contents: Map<string, { readonly size: number; readonly outcome: Outcome }>
  readonly progress: Map<string, number>
  readonly foreign: Set<string>
}

/** A report in the making: give it every event of a run in order; `report` may be asked at any time. */
export interface ReportFold {
  event(event: MirrorEvent): void
  report(): MirrorReport
}

const unfinished: ErrorSummary = {
  code: 'CANCELLED',
  message: 'the run ended before the image was done',
  hint: 'Run the same command again: it moves only what is missing.',
}

function note(image: ImageState, digest: string, size: number, outcome: Outcome): void {
  const known = image.contents.get(digest)
  if (known !== undefined && outcomes.indexOf(known.outcome) >= outcomes.indexOf(outcome)) return
  image.contents.set(digest, { size, outcome })
}

function bytesOf(image: ImageState): ImageBytes {
  const sums = { copied: 0, mounted: 0, present: 0 }
  for (const { size, outcome } of image.contents.values()) sums[outcome] += size
  const total = Math.max(image.size, sums.copied + sums.mounted + sums.present)
  // An image is done only when everything below its root is there, so what neither moved nor was mounted had been there.
  return image.done === undefined ? { total, ...sums } : { total, ...sums, present: total - sums.copied - sums.mounted }
}

function imageReport(image: ImageState): ImageReport {
  const status: ImageStatus = image.done ?? 'failed'
  return {
    source: image.image,
    destination: image.destination,
    ...(image.digest !== undefined && { digest: image.digest }),
    status,
    digestPreserved: image.digestPreserved,
    platforms: image.platforms,
    bytes: bytesOf(image),
    ...(image.foreign.size > 0 && { foreignLayersSkipped: image.foreign.size }),
    ...(status === 'failed' && { error: image.error ?? unfinished }),
  }
}

class Fold implements ReportFold {
  readonly #command: MirrorReport['command']

  readonly #images = new Map<string, ImageState>()
  readonly #lists: ListReport[] = []
  readonly #warnings: string[] = []
  #destination = ''
  #engine: EngineSummary | undefined
  #finish: Extract<MirrorEvent, { type: 'run-finished' }> | undefined
  #bytesRetried = 0

  constructor(command: MirrorReport['command']) {
    this.#command = command
  }

  event(event: MirrorEvent): void {
    switch (event.type) {
      case 'run-started':
        this.#destination = event.destination
        this.#engine = event.engine
        for (const names of event.images) this.#image(names)
        return
      case 'run-finished':
        this.#finish = event
        return
      case 'list-read': {
        const { type: _type, ...list } = event
        this.#lists.push(list)
        return
      }
      case 'warning':
        this.#warnings.push(event.image === undefined ? event.message : `${event.image}: ${event.message}`)
        return
      case 'image-planned': {
        const { digest, platforms, digestPreserved, size } = event
        Object.assign(this.#image(event), { ...(digest !== undefined && { digest }), platforms, digestPreserved, size })
        return
      }
      case 'image-copied':
      case 'image-up-to-date':
        this.#done(event)
        return
      case 'image-failed':
        this.#image(event).error = event.error
        return
      case 'blob-skipped':
        if (event.reason === 'foreign') this.#image(event).foreign.add(event.digest)
        else note(this.#image(event), event.digest, event.size, event.reason)
        return
      case 'blob-progressed':
        this.#progressed(this.#image(event), event.digest, event.bytes)
        return
      case 'blob-copied':
      case 'manifest-copied':
        note(this.#image(event), event.digest, event.size, 'copied')
        this.#image(event).progress.delete(event.digest)
        return
      case 'image-started':
      case 'layer-progressed':
      case 'retrying':
      case 'throttled':
    }
  }

  #done({ type, digest, platforms, digestPreserved, ...names }: Extract<MirrorEvent, { type: 'image-copied' | 'image-up-to-date' }>): void {
    Object.assign(this.#image(names), {
      digest,
      done: type === 'image-copied' ? 'copied' : 'up-to-date',
      ...(platforms !== undefined && { platforms }),
      ...(digestPreserved !== undefined && { digestPreserved }),
    })
  }

  #progressed(image: ImageState, digest: string, bytes: number): void {
    this.#bytesRetried += Math.max(0, (image.progress.get(digest) ?? 0) - bytes)
    image.progress.set(digest, bytes)
  }

  #image({ image, destination = '' }: { readonly image: string; readonly destination?: string }): ImageState {
    const known = this.#images.get(image)
    if (known !== undefined) return known
    const state: ImageState = {
      image,
      destination,
      platforms: [],
      digestPreserved: true,
      size: 0,
      done: undefined,
      error: undefined,
      contents: new Map(),
      progress: new Map(),
      foreign: new Set(),
    }
    this.#images.set(image, state)
    return state
  }

  report(): MirrorReport {
    const images = [...this.#images.values()].map(imageReport)
    const count = (status: ImageStatus): number => images.filter((image) => image.status === status).length
    const sum = (bytes: (image: ImageReport) => number): number => images.reduce((total, image) => total + bytes(image), 0)
    return {
      schemaVersion: 1,
      command: this.#command,
      destination: this.#destination,
      images,
      totals: {
        images: images.length,
        copied: count('copied'),
        upToDate: count('up-to-date'),
        failed: count('failed'),
        bytesCopied: sum((image) => image.bytes.copied),
        bytesSaved: sum((image) => image.bytes.mounted + image.bytes.present),
        bytesRetried: this.#bytesRetried,
        requests: this.#finish?.requests ?? { source: 0, destination: 0 },
        seconds: this.#finish?.seconds ?? 0,
      },
      lists: [...this.#lists],
      warnings: [...this.#warnings],
      ...(this.#engine !== undefined && { engine: this.#engine }),
      ...(this.#finish?.interrupted === true && { interrupted: true }),
    }
  }
}

/** An empty report that grows with every event. */
export function startReport(command: MirrorReport['command'] = 'mirror'): ReportFold {
  return new Fold(command)
}

/** The report of a whole run, from its events. */
export function foldReport(events: Iterable<MirrorEvent>): MirrorReport {
  const fold = startReport()
  for (const event of events) fold.event(event)
  return fold.report()
}
