import type { MirrorEvent } from '../copy/events.ts'

/** Milliseconds that a rate covers, and between two samples of it. */
const window = 5_000
const spacing = 250

/** Bytes per second over the last five seconds. Times are milliseconds; bytes are only added, so a rate is never negative. */
class RateMeter {
  #samples: { readonly at: number; readonly bytes: number }[] = []
  #bytes = 0

  add(bytes: number, now: number): void {
    this.#sample(now)
    this.#bytes += bytes
  }

  /** Undefined during the first half second. */
  rate(now: number): number | undefined {
    this.#sample(now)
    const [first] = this.#samples
    if (first === undefined || now - first.at < 500) return undefined
    return ((this.#bytes - first.bytes) * 1000) / (now - first.at)
  }

  #sample(now: number): void {
    const last = this.#samples.at(-1)
    if (last === undefined || now - last.at >= spacing) this.#samples.push({ at: now, bytes: this.#bytes })
    const next = this.#samples.findIndex(({ at }) => now - at <= window)
    if (next > 1) this.#samples = this.#samples.slice(next - 1)
  }
}

/** One image's progress. `size` and `done` are bytes; `startedAt` is the clock's. */
export interface ImageProgress {
  readonly image: string
  size: number
  done: number
  startedAt: number
  readonly contents: Map<string, number>
  /** The layers that the Engine has reported, by phase and short id, until their blobs are known. */
  readonly layers: Map<string, { readonly size: number; readonly bytes: number }>
}

/** The progress of a run: images done, images in flight, bytes, rate and time left. Receives every event with its time in milliseconds. */
export class RunTally {
  images = 0
  copied = 0
  upToDate = 0
  failed = 0
  /** Bytes below the roots resolved so far, without images that failed for good. */
  bytesExpected = 0
  /** Of those, the bytes that are at the destination. */
  bytesDone = 0
  /** Oldest first. */
  readonly inFlight: Map<string, ImageProgress> = new Map()
  readonly #progress = new Map<string, ImageProgress>()
  readonly #unresolved = new Set<string>()
  readonly #meter = new RateMeter()
  /** A Docker Engine copies the images: their blobs are known only afterwards. */
  #isThroughEngine = false

  event(event: MirrorEvent, now: number): void {
    switch (event.type) {
      case 'run-started':
        this.images += event.images.length
        this.#isThroughEngine = event.engine !== undefined
        for (const { image } of event.images) this.#unresolved.add(image)
        this.#meter.add(0, now)
        return
      case 'image-planned':
        this.#unresolved.delete(event.image)
        this.#resize(this.of(event.image), event.size)
        return
      case 'file-planned':
        if (event.state !== 'base') this.#resize(this.of(event.path), event.size)
        if (event.state === 'present') this.#set(event.path, '', event.size)
        return
      case 'file-progressed':
        this.inFlight.set(event.path, this.of(event.path))
        this.#meter.add(this.#set(event.path, '', event.bytes), now)
        return
      case 'file-copied':
        this.inFlight.delete(event.path)
        this.#meter.add(this.#set(event.path, '', event.size), now)
        return
      case 'file-failed':
        this.inFlight.delete(event.path)
        this.#resize(this.of(event.path), 0)
        return
      case 'image-started':
        this.of(event.image).startedAt = now
        this.inFlight.set(event.image, this.of(event.image))
        return
      case 'blob-progressed':
        this.#meter.add(this.#set(event.image, event.digest, event.bytes), now)
        return
      case 'blob-copied':
      case 'manifest-copied': {
        const bytes = this.#set(event.image, event.digest, event.size)
        // An Engine's blobs were counted as its layers.
        if (!this.#isThroughEngine) this.#meter.add(bytes, now)
        return
      }
      case 'blob-skipped':
        if (event.reason !== 'foreign') this.#set(event.image, event.digest, event.size)
        return
      case 'layer-progressed':
        this.#layer(event, now)
        return
      case 'image-copied':
      case 'image-skipped':
      case 'image-up-to-date':
      case 'image-failed':
        this.#ended(event)
        return
      case 'list-read':
      case 'warning':
      case 'retrying':
      case 'run-progressed':
      case 'throttled':
      case 'run-finished':
    }
  }

  /** Images that are done, including failed ones. */
  get imagesDone(): number {
    return this.copied + this.upToDate + this.failed
  }

  /** Bytes per second over the last seconds; undefined at the very beginning. */
  rate(now: number): number | undefined {
    return this.#meter.rate(now)
  }

  /** Milliseconds; undefined until every image is resolved and bytes move, and always with a Docker Engine. */
  timeLeft(now: number): number | undefined {
    if (this.#isThroughEngine) return undefined
    const rate = this.rate(now)
    const left = this.bytesExpected - this.bytesDone
    if (this.#unresolved.size > 0 || left <= 0 || rate === undefined || rate < 1) return undefined
    return (left * 1000) / rate
  }

  /** An image's progress, created on first use. */
  of(image: string): ImageProgress {
    const known = this.#progress.get(image)
    if (known !== undefined) return known
    const progress = { image, size: 0, done: 0, startedAt: Number.NaN, contents: new Map(), layers: new Map() }
    this.#progress.set(image, progress)
    return progress
  }

  #ended(event: Extract<MirrorEvent, { type: 'image-copied' | 'image-skipped' | 'image-up-to-date' | 'image-failed' }>): void {
    const progress = this.of(event.image)
    this.inFlight.delete(event.image)
    if (event.type === 'image-failed') {
      if (!event.final) return
      this.failed++
      this.#resize(progress, 0)
    } else if (event.type === 'image-copied') this.copied++
    else this.upToDate++
    this.#advance(progress, progress.size - progress.done)
    this.#unresolved.delete(event.image)
    progress.contents.clear()
  }

  /** An Engine reports sizes as it meets layers, so the expected total grows; extracting moves no bytes. */
  #layer({ image, phase, layer, size, bytes }: Extract<MirrorEvent, { type: 'layer-progressed' }>, now: number): void {
    const progress = this.of(image)
    const key = `${phase} ${layer}`
    const before = progress.layers.get(key) ?? { size: 0, bytes: 0 }
    progress.layers.set(key, { size, bytes })
    this.#resize(progress, progress.size + size - before.size)
    this.#advance(progress, bytes - before.bytes)
    if (phase !== 'extract') this.#meter.add(Math.max(0, bytes - before.bytes), now)
  }

  #resize(progress: ImageProgress, size: number): void {
    this.bytesExpected += size - progress.size
    progress.size = size
  }

  #advance(progress: ImageProgress, bytes: number): void {
    progress.done += bytes
    this.bytesDone += bytes
  }

  /** Returns the added bytes; 0 for a restarted blob. */
  #set(image: string, digest: string, bytes: number): number {
    const progress = this.of(image)
    if (progress.layers.size > 0) {
      // Blobs replace the reported layers.
      progress.layers.clear()
      this.#advance(progress, [...progress.contents.values()].reduce((sum, known) => sum + known, 0) - progress.done)
    }
    const delta = bytes - (progress.contents.get(digest) ?? 0)
    progress.contents.set(digest, bytes)
    this.#advance(progress, delta)
    if (this.#isThroughEngine) this.#resize(progress, progress.done)
    return Math.max(0, delta)
  }
}
