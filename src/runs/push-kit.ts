import { destinationIdentity, parseDestination } from '../connect/destination.ts'
import { claimDirectory } from '../kit/claim-directory.ts'
import { KitFilesPush } from '../kit/push-kit-files.ts'
import { checkOptions } from './check-options.ts'
import { pushArchives, type PushBundleOptions, type PushedFiles } from './push-bundle.ts'
import { startRun, type MirrorRun, type RunContext } from './start-run.ts'

/** Options of `pushKit`: those of `pushBundle`, and where files go. */
export interface PushKitOptions extends PushBundleOptions {
  /** The directory for the files of the kits; default: that of a layout in `to`. Files stay in the kits where neither is given. */
  readonly filesTo?: string | undefined
}

/**
 * Copies the images of kits as `pushBundle` does, and their files into a directory. Files that replace others are written once all images are in place,
 * with the list of all files, which `kit serve` reads. `ifChanged: 'replace'` also accepts other content for a file of a release.
 */
export function pushKit(options: PushKitOptions): MirrorRun {
  checkOptions(options, ['files', 'to'])
  return startRun('kit push', options.signal, (run) => pushArchives(options, run, (archives) => openFiles(archives, options, run)))
}

async function openFiles(
  archives: Parameters<NonNullable<Parameters<typeof pushArchives>[2]>>[0],
  { to, filesTo, ifChanged }: PushKitOptions,
  { emit, signal }: RunContext,
): Promise<PushedFiles> {
  const destination = parseDestination(to)
  const directory = filesTo ?? destination.directory
  if (directory === undefined) {
    const warning = 'only the images are pushed: pass options.filesTo to write the files of the kit, or run kit serve on it'
    return { warnings: [warning], write: () => Promise.resolve(), publish: () => Promise.resolve(), [Symbol.asyncDispose]: async () => {} }
  }
  const isLayout = (await destinationIdentity({ directory })) === (await destinationIdentity(destination))
  // The writer of a layout has claimed it already.
  const claim = isLayout ? undefined : await claimDirectory(directory)
  try {
    const push = await KitFilesPush.open(archives, directory, {
      signal: claim === undefined ? signal : AbortSignal.any([signal, claim.lost]),
      replace: ifChanged === 'replace',
      onFile: ({ path, digest, size, release }, state) => {
        const names = { path, digest, size }
        const coverage = 'kit' as const
        emit({
          type: 'file-planned',
          ...names,
          state: state === 'present' ? 'present' : 'new',
          coverage,
          ...(release !== undefined && { release }),
        })
        if (state === 'written') emit({ type: 'file-copied', ...names })
      },
    })
    return {
      write: () => push.write(),
      async publish() {
        await claim?.confirm()
        await push.publish()
      },
      [Symbol.asyncDispose]: async () => claim?.release(),
    }
  } catch (error) {
    await claim?.release()
    throw error
  }
}
