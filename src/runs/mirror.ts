import { BlobLedger } from '../copy/blob-ledger.ts'
import { contentCopier } from '../copy/copy-image.ts'
import type { Emit } from '../copy/image-copier.ts'
import { runImages } from '../copy/run-images.ts'
import { formatReference } from '../oci/reference.ts'
import type { PlanOptions } from './options.ts'
import { prepare } from './prepare.ts'
import { registryEvents, startRun, type MirrorRun } from './start-run.ts'

/** Options of `mirror`. */
export type MirrorOptions = PlanOptions

/**
 * Mirrors images: list → plan → copy → report. The run begins at once; its events are read with `for await`, or not at all.
 * Failed images are in the report; what is thrown kept the whole run from starting.
 */
export function mirror(options: MirrorOptions): MirrorRun {
  return startRun('mirror', options.signal, (emit, signal) => run({ ...options, signal }, emit))
}

async function run(options: MirrorOptions & { readonly signal: AbortSignal }, emit: Emit): Promise<void> {
  const started = performance.now()
  const { signal, recheck, retry } = options
  await using prepared = await prepare(options, registryEvents(emit))
  const { places, list, images, resolve, jobs, engine } = prepared
  const { source, destination } = places
  const names = images.map((image) => ({ image: formatReference(image.source), destination: formatReference(image.destination) }))
  emit({ type: 'run-started', destination: options.to, images: names, ...(engine !== undefined && { engine: engine.summary }) })
  for (const { name, sha256, coverage, release, images: count } of list.lists) {
    emit({ type: 'list-read', name, sha256, coverage, images: count, ...(release !== undefined && { release }) })
  }
  for (const message of prepared.warnings) emit({ type: 'warning', message })
  const run = { images, jobs, recheck, emit, signal }
  try {
    if (engine !== undefined) await runImages({ ...run, resolve: engine.resolve, copier: engine.copier })
    else await runImages({ ...run, resolve, copier: contentCopier({ source, destination, ledger: new BlobLedger(), retry }) })
  } catch (error) {
    if (!signal.aborted) throw error
  }
  await engine?.copier.end()
  const seconds = (performance.now() - started) / 1000
  emit({ type: 'run-finished', requests: places.requests(), seconds, interrupted: signal.aborted })
}
