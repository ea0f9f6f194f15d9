import type { Command } from 'commander'
import { checkArchive } from '../../../bundle/check-archive.ts'
import { checkParts } from '../../../bundle/check-parts.ts'
import { wholeFile } from '../../../bundle/part-list.ts'
import { isMirrorError } from '../../../errors.ts'
import { openImageArchive } from '../../../bundle/open-image-archive.ts'
import { formatBundleCheck } from '../../output/bundle-text.ts'
import { exitCodes } from '../../exit-code.ts'
import { formatJson } from '../../output/events-ndjson.ts'
import { stylesFor } from '../../output/styles.ts'
import { addOutput, type OutputFlags } from '../../options/output.ts'
import type { Session } from '../../session.ts'

/** Adds `k3s-mirror bundle check`. */
export function addBundleCheckCommand(parent: Command, session: Session): void {
  addOutput(
    parent
      .command('check')
      .description(
        'read every byte of a bundle, or of an archive of another tool, again and compare the digests; exit code 4 when something is wrong',
      )
      .argument('<file>', 'the bundle or archive; of one that is split also a single part'),
  ).action(async (file: string, flags: OutputFlags) => {
    const check = await checkFile(file, session.signal)
    const document = { schemaVersion: 1, command: 'bundle check', file, ...check }
    session.print(
      flags.output === 'json' ? `${formatJson(document)}\n` : formatBundleCheck(document, stylesFor(process.stdout, process.env)),
    )
    session.exit(check.problems.length === 0 ? exitCodes.done : exitCodes.problemsFound)
  })
}

/** A file that is cut off or damaged so that nothing can be found in it has one problem: that. */
async function checkFile(file: string, signal: AbortSignal): Promise<Awaited<ReturnType<typeof checkArchive>>> {
  try {
    const parts = await checkParts(file, { signal })
    if (parts !== undefined && (parts.problems.length > 0 || file !== wholeFile(file))) return parts
    await using archive = await openImageArchive(file, { signal })
    return { ...(await checkArchive(archive, { signal })), ...(parts && { parts: parts.parts }) }
  } catch (error) {
    if (!isMirrorError(error) || !['INTEGRITY', 'INVALID_MANIFEST'].includes(error.code)) throw error
    return { blobs: 0, bytes: 0, problems: [{ message: error.message, images: [] }] }
  }
}
