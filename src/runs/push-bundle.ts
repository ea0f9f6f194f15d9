import { completeFromBase } from '../bundle/complete-from-base.ts'
import { JoinedSource } from '../bundle/joined-source.ts'
import type { TransferOptions } from '../connect/clients.ts'
import { openEnds, type DestinationOptions } from '../connect/destination.ts'
import { BlobLedger } from '../copy/copy-blob.ts'
import { contentCopier } from '../copy/copy-image.ts'
import type { Reference } from '../oci/reference.ts'
import { refuseCollisions } from '../plan/destination-names.ts'
import { resolveImage } from '../plan/resolve-image.ts'
import { defaultJobs, readNaming, type ArchiveOptions, type RenameOptions, type BatchOptions } from './options.ts'
import type { Route } from './route.ts'
import { selectArchived } from './select-archived.ts'
import { startRun, type MirrorRun, type RunContext } from './start-run.ts'

/** Options of `pushBundle`: the archives, what of them, and where to. */
export interface PushBundleOptions extends ArchiveOptions, DestinationOptions, TransferOptions, RenameOptions, BatchOptions {
  readonly to: string
  /** Walk images whose root is there already. */
  readonly recheck?: boolean | undefined
}

/** Copies the images of archives straight out of the files; an archive that is damaged or not whole is refused before anything moves. */
export function pushBundle(options: PushBundleOptions): MirrorRun {
  return startRun('bundle push', options.signal, (run) => push(options, run))
}

async function push(options: PushBundleOptions, { events, signal, follow }: RunContext): Promise<void> {
  const { files, name, to, recheck, retry, jobs = defaultJobs.registry } = options
  const naming = await readNaming(options)
  await using archives = await JoinedSource.open(files, { name, signal })
  const selected = await selectArchived(archives, options, signal)
  await using ends = await openEnds(options, events, { signal })
  const { destination, requests } = ends
  const nameAt = (source: Reference): Reference => naming(source, ends.naming)
  const images = [...selected.images, ...selected.companions].map((source) => ({ source, destination: nameAt(source) }))
  await refuseCollisions(images, archives, { signal })
  const ledger = new BlobLedger()
  const onHeld = ledger.add.bind(ledger)
  const source = await completeFromBase(archives, await archives.bases({ signal }), { destination, nameAt, onHeld, signal })
  const route: Route = {
    async resolve(image) {
      const step = await resolveImage(image, source, destination, { recheck, signal })
      return { ...step, digestPreserved: step.digestPreserved && archives.isPreserved(image.source) }
    },
    copier: contentCopier({ source, destination, ledger, retry }),
    end: async () => (signal.aborted ? [] : archives.damage()),
  }
  const warnings = [...selected.warnings, ...archives.warnings(), ...ends.warnings]
  const lists = archives.releases().map((list) => ({ ...list, coverage: 'none' as const }))
  await follow({ destination: to, images, lists, warnings, jobs, recheck, requests }, (copyImages) => copyImages(route))
}
