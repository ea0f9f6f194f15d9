import { completeFromBase } from '../bundle/complete-from-base.ts'
import type { ImageArchive } from '../bundle/image-archive.ts'
import { JoinedSource } from '../bundle/joined-source.ts'
import type { TransferOptions } from '../connect/clients.ts'
import { openDestination, parseDestination, type DestinationOptions } from '../connect/destination.ts'
import { openSources } from '../connect/sources.ts'
import { BlobLedger } from '../copy/copy-blob.ts'
import { contentCopier } from '../copy/copy-image.ts'
import type { Reference } from '../oci/reference.ts'
import { refuseCollisions } from '../plan/destination-names.ts'
import { resolveImage } from '../plan/resolve-image.ts'
import { checkOptions } from './check-options.ts'
import {
  defaultJobs,
  readNaming,
  type ArchiveOptions,
  type ChangeOptions,
  type DescribeOptions,
  type RenameOptions,
  type BatchOptions,
} from './options.ts'
import { releaseRecorder } from './record-releases.ts'
import { roomyCopier } from './roomy-copier.ts'
import type { Route } from './route.ts'
import { runEnding } from './run-ending.ts'
import { selectArchived } from './select-archived.ts'
import { startRun, type MirrorRun, type RunContext } from './start-run.ts'

/** Options of `pushBundle`: the archives, what of them, and where to. */
export interface PushBundleOptions
  extends ArchiveOptions, DestinationOptions, TransferOptions, RenameOptions, ChangeOptions, DescribeOptions, BatchOptions {
  readonly to: string
  /** Walk images whose root is there already. */
  readonly recheck?: boolean | undefined
}

/** Copies the images of archives straight out of the files; an archive that is damaged or not whole is refused before anything moves. */
export function pushBundle(options: PushBundleOptions): MirrorRun {
  checkOptions(options, ['files', 'to'])
  return startRun('bundle push', options.signal, (run) => pushArchives(options, run))
}

/** What is written next to the images. */
export interface PushedFiles extends AsyncDisposable {
  readonly warnings?: readonly string[]
  /** Before the first image. */
  write(): Promise<void>
  /** After the last one, where all images are in place. */
  publish(): Promise<void>
}

/** Copies the images of archives; `openFiles` looks at what comes with them before anything moves. Throws as `JoinedSource.open`. */
export async function pushArchives(
  options: PushBundleOptions,
  { events, signal, follow }: RunContext,
  openFiles?: (archives: readonly ImageArchive[]) => Promise<PushedFiles>,
): Promise<void> {
  const { files, name, to, recheck, ifChanged, describePresent, retry, jobs = defaultJobs.registry } = options
  const named = parseDestination(to)
  const naming = await readNaming(options)
  await using archives = await JoinedSource.open(files, { name, signal })
  const selected = await selectArchived(archives, options, signal)
  await using sources = await openSources(options, events, { signal })
  await using ends = await openDestination(named, sources, options)
  const { destination, requests } = ends
  const nameAt = (source: Reference): Reference => naming(source, ends.naming)
  const images = [...selected.images, ...selected.companions].map((source) => ({ source, destination: nameAt(source) }))
  await using pushed = await openFiles?.(archives.archives)
  await refuseCollisions(images, archives, { signal })
  const ledger = new BlobLedger()
  const onHeld = ledger.add.bind(ledger)
  const source = await completeFromBase(archives, await archives.bases({ signal }), { destination, nameAt, onHeld, signal })
  const route: Route = {
    async resolve(image) {
      const step = await resolveImage(image, source, destination, { recheck, ifChanged, describePresent, namesDecide: true, signal })
      return { ...step, digestPreserved: step.digestPreserved && archives.isPreserved(image.source) }
    },
    copier: roomyCopier(contentCopier({ source, destination, ledger, retry }), ends),
    end: async () => (signal.aborted ? [] : archives.damage()),
  }
  const warnings = [...selected.warnings, ...archives.warnings(), ...ends.warnings, ...(pushed?.warnings ?? [])]
  const lists = archives.lists().map((list) => ({ ...list, coverage: 'none' as const }))
  const onCopied = releaseRecorder(ends.layout, images, archives.releases())
  const ending = runEnding({ registry: ends.registry }, images, signal)
  const plan = { destination: to, images, lists, warnings, jobs, recheck, retries: retry?.retries, ending, onCopied, requests }
  await follow(plan, async (copyImages) => {
    await pushed?.write()
    const isWhole = await copyImages(route)
    if (isWhole && !signal.aborted) await pushed?.publish()
  })
}
