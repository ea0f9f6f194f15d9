import type { EngineSummary, ErrorSummary, MirrorEvent, RunCommand, StartedImage } from '../copy/events.ts'
import type { StepState } from '../plan/plan.ts'
import type { ShardSummary } from '../plan/shard.ts'
import { FileFold } from './fold-files.ts'
import { reportHead, unfinishedError } from './report-head.ts'
import type { ImageBytes, ImageReport, ImageStatus, ListReport, MirrorReport } from './report.ts'

/** How one blob or manifest reached the destination, weakest first: a stronger outcome replaces a weaker one. */
const outcomes = ['present', 'mounted', 'copied'] as const
type Outcome = (typeof outcomes)[number]

interface ImageState extends StartedImage {
  state?: StepState
  digest?: string
  platforms: readonly string[]
  digestPreserved: boolean
  size: number
  done?: Exclude<ImageStatus, 'failed'>
  previousDigest?: string
  error?: ErrorSummary
  readonly contents: Map<string, { readonly size: number; readonly outcome: Outcome }>
  readonly progress: Map<string, number>
  readonly foreign: Set<string>
}

/** How an event ends an image; nothing for one that is only planned. */
function endOf(event: MirrorEvent): Pick<ImageState, 'done'> {
  if (event.type === 'image-copied') return { done: event.previousDigest === undefined ? 'copied' : 'replaced' }
  if (event.type === 'image-skipped') return { done: 'skipped' }
  return event.type === 'image-up-to-date' ? { done: 'up-to-date' } : {}
}

function note(image: ImageState, { digest, size }: { readonly digest: string; readonly size: number }, outcome: Outcome): void {
  const known = image.contents.get(digest)
  if (known !== undefined && outcomes.indexOf(known.outcome) >= outcomes.indexOf(outcome)) return
  image.contents.set(digest, { size, outcome })
}

function bytesOf(image: ImageState): ImageBytes {
  const sums = { copied: 0, mounted: 0, present: 0 }
  for (const { size, outcome } of image.contents.values()) sums[outcome] += size
  const total = Math.max(image.size, sums.copied + sums.mounted + sums.present)
  // An image is done only when everything below its root is present, so what was neither copied nor mounted was present before.
  return image.done === undefined ? { total, ...sums } : { total, ...sums, present: total - sums.copied - sums.mounted }
}

function imageReport(state: ImageState, ended: ErrorSummary | undefined): ImageReport {
  const { image, sourceEndpoint, destination, digest, done, previousDigest, digestPreserved, platforms, foreign } = state
  const { error = ended ?? unfinishedError('image') } = state
  return {
    source: image,
    ...(sourceEndpoint !== undefined && { sourceEndpoint }),
    destination,
    ...(digest !== undefined && { digest }),
    ...(state.state !== undefined && { state: state.state }),
    status: done ?? 'failed',
    ...((done === 'replaced' || done === 'skipped') && previousDigest !== undefined && { previousDigest }),
    digestPreserved,
    platforms,
    bytes: bytesOf(state),
    ...(foreign.size > 0 && { foreignLayersSkipped: foreign.size }),
    ...(done === undefined && { error }),
  }
}

/** Folds the events of a run, passed in order, into its report; `report` may be called at any time. */
export class ReportFold {
  readonly #command: RunCommand
  readonly #images = new Map<string, ImageState>()
  readonly #files = new FileFold()
  readonly #lists: ListReport[] = []
  readonly #warnings: string[] = []
  #destination = ''
  #startedAt = ''
  #engine: EngineSummary | undefined
  #shard: ShardSummary | undefined
  #finish: Extract<MirrorEvent, { type: 'run-finished' }> | undefined
  #bytesRetried = 0

  constructor(command: RunCommand) {
    this.#command = command
  }

  event(event: MirrorEvent): void {
    this.#files.event(event)
    switch (event.type) {
      case 'run-started':
        this.#destination = event.destination
        this.#startedAt = event.startedAt
        this.#engine = event.engine
        this.#shard = event.shard
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
      case 'file-planned':
      case 'file-progressed':
      case 'file-copied':
      case 'file-failed':
      case 'image-started':
      case 'layer-progressed':
      case 'retrying':
      case 'run-progressed':
      case 'throttled':
        return
      case 'image-planned':
      case 'image-copied':
      case 'image-skipped':
      case 'image-up-to-date': {
        const { type: _type, image, destination, ...facts } = event
        Object.assign(this.#image({ image, destination }), facts, endOf(event))
        return
      }
      case 'image-failed':
        this.#image(event).error = event.error
        return
      case 'blob-skipped':
        if (event.reason === 'foreign') this.#image(event).foreign.add(event.digest)
        else note(this.#image(event), event, event.reason)
        return
      case 'blob-progressed': {
        const { progress } = this.#image(event)
        this.#bytesRetried += Math.max(0, (progress.get(event.digest) ?? 0) - event.bytes)
        progress.set(event.digest, event.bytes)
        return
      }
      case 'blob-copied':
      case 'manifest-copied':
        note(this.#image(event), event, 'copied')
        this.#image(event).progress.delete(event.digest)
    }
  }

  #image({ image, destination = '', sourceEndpoint }: Partial<StartedImage> & Pick<StartedImage, 'image'>): ImageState {
    const known = this.#images.get(image)
    if (known !== undefined) return known
    const kept = { contents: new Map(), progress: new Map(), foreign: new Set<string>() }
    const place = { destination, ...(sourceEndpoint !== undefined && { sourceEndpoint }) }
    const state: ImageState = { image, ...place, platforms: [], digestPreserved: true, size: 0, ...kept }
    this.#images.set(image, state)
    return state
  }

  report(): MirrorReport {
    const { error } = this.#finish ?? {}
    const images = [...this.#images.values()].map((state) => imageReport(state, error))
    const files = this.#files.report(error)
    const count = (status: ImageStatus): number => images.filter((image) => image.status === status).length
    const sum = (bytes: (image: ImageReport) => number): number => images.reduce((total, image) => total + bytes(image), 0)
    return {
      ...reportHead(this.#startedAt, this.#finish?.finishedAt),
      command: this.#command,
      destination: this.#destination,
      images,
      totals: {
        images: images.length,
        copied: count('copied'),
        replaced: count('replaced'),
        upToDate: count('up-to-date'),
        skipped: count('skipped'),
        failed: count('failed'),
        bytesCopied: sum(({ bytes }) => bytes.copied) + this.#files.bytesOf('added'),
        bytesSaved: sum(({ bytes }) => bytes.mounted + bytes.present) + this.#files.bytesOf('reused', 'in-base'),
        bytesRetried: this.#bytesRetried,
        requests: this.#finish?.requests ?? { source: 0, destination: 0 },
        seconds: this.#finish?.seconds ?? 0,
      },
      ...(files && { files }),
      lists: [...this.#lists],
      warnings: [...this.#warnings],
      ...(this.#engine !== undefined && { engine: this.#engine }),
      ...(this.#shard !== undefined && { shard: this.#shard }),
      ...(error !== undefined && { error }),
      ...(this.#finish?.interrupted === true && { interrupted: true }),
    }
  }
}
