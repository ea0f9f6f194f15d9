import type { ErrorSummary, MirrorEvent, RunCommand } from '../../src/copy/events.ts'

/** Events of made-up images `docker.io/rancher/<name>:1` that go to `registry.test:5000/rancher/<name>:1`. */
export const sourceOf = (name: string): string => `docker.io/rancher/${name}:1`
export const destinationOf = (name: string): string => `registry.test:5000/rancher/${name}:1`
export const digestOf = (name: string): string => `sha256:${Buffer.from(name).toString('hex').padEnd(64, '0')}`

export const unreachable: ErrorSummary = {
  code: 'UNREACHABLE',
  message: 'cannot connect to registry.test:5000',
  hint: 'check that the registry is up',
  side: 'destination',
}

export function started(...names: readonly string[]): MirrorEvent {
  return startedAs('mirror', ...names)
}

export function startedAs(command: RunCommand, ...names: readonly string[]): MirrorEvent {
  return {
    type: 'run-started',
    command,
    images: names.map((name) => ({ image: sourceOf(name), destination: destinationOf(name) })),
    destination: 'registry.test:5000',
    startedAt: '2026-01-02T03:04:05.000Z',
  }
}

export function finished(interrupted = false): MirrorEvent {
  return { type: 'run-finished', finishedAt: '2026-01-02T03:04:07.000Z', requests: { source: 7, destination: 9 }, seconds: 2, interrupted }
}

export function planned(name: string, size: number, state: 'new' | 'changed' | 'present' = 'new'): MirrorEvent {
  return {
    type: 'image-planned',
    image: sourceOf(name),
    destination: destinationOf(name),
    digest: digestOf(name),
    state,
    platforms: ['linux/amd64'],
    digestPreserved: true,
    blobs: 2,
    size,
  }
}

export const begun = (name: string, round: 1 | 2 = 1): MirrorEvent => ({ type: 'image-started', image: sourceOf(name), round })

export function skipped(name: string, blob: string, size: number, reason: 'present' | 'mounted' | 'foreign'): MirrorEvent {
  return { type: 'blob-skipped', image: sourceOf(name), digest: digestOf(blob), size, reason }
}

export function progressed(name: string, blob: string, size: number, bytes: number): MirrorEvent {
  return { type: 'blob-progressed', image: sourceOf(name), digest: digestOf(blob), size, bytes }
}

export const blobCopied = (name: string, blob: string, size: number): MirrorEvent => ({
  type: 'blob-copied',
  image: sourceOf(name),
  digest: digestOf(blob),
  size,
})

export const manifestCopied = (name: string, size: number): MirrorEvent => ({
  type: 'manifest-copied',
  image: sourceOf(name),
  digest: digestOf(name),
  size,
})

export const copied = (name: string): MirrorEvent => ({
  type: 'image-copied',
  image: sourceOf(name),
  destination: destinationOf(name),
  digest: digestOf(name),
})

export const upToDate = (name: string): MirrorEvent => ({
  type: 'image-up-to-date',
  image: sourceOf(name),
  destination: destinationOf(name),
  digest: digestOf(name),
})

export function failed(name: string, options: { readonly final?: boolean; readonly error?: ErrorSummary } = {}): MirrorEvent {
  return {
    type: 'image-failed',
    image: sourceOf(name),
    destination: destinationOf(name),
    error: options.error ?? unreachable,
    final: options.final ?? true,
  }
}
