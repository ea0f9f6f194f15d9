import * as fc from 'fast-check'
import type { MirrorEvent } from '../../src/copy/events.ts'
import type { ImageStatus } from '../../src/report/report.ts'
import {
  begun,
  blobCopied,
  copied,
  failed,
  finished,
  manifestCopied,
  planned,
  progressed,
  skipped,
  sourceOf,
  started,
  upToDate,
} from './sample-events.ts'

/** A run as the copy engine could report it: every image's events in order, the images interleaved randomly. */
export interface SimulatedRun {
  readonly events: readonly MirrorEvent[]
  readonly outcomes: ReadonlyMap<string, ImageStatus>
  readonly bytesRetried: number
  readonly bytesCopied: number
  readonly interrupted: boolean
}

const manifestSize = 7
const blob = fc.record({
  name: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
  fate: fc.constantFrom('present', 'mounted', 'copied', 'restarted'),
})
const image = fc.record({
  blobs: fc.uniqueArray(blob, { selector: ({ name }) => name, maxLength: 4 }),
  outcome: fc.constantFrom('copied', 'up-to-date', 'failed', 'unresolved', 'second-round', 'never-reached', 'cut-short'),
})
type Image = typeof image extends fc.Arbitrary<infer T> ? T : never

/** The same blob has the same size in every image. */
const sizeOf = (name: string): number => name.charCodeAt(0) * 100

function blobEvents(name: string, { blobs }: Image): MirrorEvent[] {
  return blobs.flatMap((entry) => {
    const size = sizeOf(entry.name)
    if (entry.fate === 'present' || entry.fate === 'mounted') return [skipped(name, entry.name, size, entry.fate)]
    const restarts = entry.fate === 'restarted' ? [progressed(name, entry.name, size, 60), progressed(name, entry.name, size, 10)] : []
    return [...restarts, progressed(name, entry.name, size, size), blobCopied(name, entry.name, size)]
  })
}

function eventsOf(name: string, simulated: Image): MirrorEvent[] {
  const plan = planned(
    name,
    simulated.blobs.reduce((sum, entry) => sum + sizeOf(entry.name), manifestSize),
  )
  const blobs = blobEvents(name, simulated)
  switch (simulated.outcome) {
    case 'copied':
      return [plan, begun(name), ...blobs, manifestCopied(name, manifestSize), copied(name)]
    case 'up-to-date':
      return [planned(name, 0, 'present'), upToDate(name)]
    case 'failed':
      return [plan, begun(name), ...blobs, failed(name, { final: false }), begun(name, 2), failed(name)]
    case 'unresolved':
      return [failed(name)]
    case 'second-round': {
      const again = simulated.blobs.map((entry) => skipped(name, entry.name, sizeOf(entry.name), 'present'))
      return [
        plan,
        begun(name),
        ...blobs,
        failed(name, { final: false }),
        begun(name, 2),
        ...again,
        manifestCopied(name, manifestSize),
        copied(name),
      ]
    }
    case 'cut-short':
      return [plan, begun(name), ...blobs]
    case 'never-reached':
  }
  return []
}

function statusOf({ outcome }: Image): ImageStatus {
  if (outcome === 'copied' || outcome === 'second-round') return 'copied'
  return outcome === 'up-to-date' ? 'up-to-date' : 'failed'
}

function bytesCopiedOf({ blobs, outcome }: Image): number {
  if (outcome === 'up-to-date' || outcome === 'unresolved' || outcome === 'never-reached') return 0
  const manifest = outcome === 'copied' || outcome === 'second-round' ? manifestSize : 0
  return blobs.filter(({ fate }) => fate === 'copied' || fate === 'restarted').reduce((sum, { name }) => sum + sizeOf(name), manifest)
}

function interleave(scripts: MirrorEvent[][], choices: readonly number[]): MirrorEvent[] {
  const events: MirrorEvent[] = []
  for (let turn = 0; scripts.some((script) => script.length > 0); turn++) {
    const waiting = scripts.filter((script) => script.length > 0)
    const next = waiting[(choices[turn % choices.length] ?? 0) % waiting.length]?.shift()
    if (next !== undefined) events.push(next)
  }
  return events
}

/** Any run of up to five images. */
export const simulatedRun: fc.Arbitrary<SimulatedRun> = fc
  .record({ images: fc.array(image, { maxLength: 5 }), choices: fc.array(fc.nat(4), { minLength: 1, maxLength: 30 }) })
  .map(({ images, choices }) => {
    const names = images.map((_, index) => `image-${index}`)
    const scripts = images.map((simulated, index) => eventsOf(`image-${index}`, simulated))
    const interrupted = images.some(({ outcome }) => outcome === 'never-reached' || outcome === 'cut-short')
    const restarts = scripts.flat().filter((event) => event.type === 'blob-progressed' && event.bytes === 10).length
    return {
      events: [started(...names), ...interleave(scripts, choices), finished(interrupted)],
      outcomes: new Map(images.map((simulated, index) => [sourceOf(`image-${index}`), statusOf(simulated)])),
      bytesRetried: restarts * 50,
      bytesCopied: images.reduce((sum, simulated) => sum + bytesCopiedOf(simulated), 0),
      interrupted,
    }
  })
