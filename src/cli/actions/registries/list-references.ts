import type { Reference } from '../../../oci/reference.ts'
import { listImages } from '../../../runs/list-images.ts'
import type { CliProcess } from '../../cli-process.ts'
import type { SelectionFlags } from '../../options/selection.ts'
import { coverageLines } from '../../output/list-coverage.ts'
import { selectionOptions } from '../library-options.ts'

/** The images of a selection, with warnings about its lists on standard error. Throws USAGE for an empty selection. */
export async function listReferences(cli: CliProcess, flags: SelectionFlags, texts: readonly string[]): Promise<readonly Reference[]> {
  const { images, warnings, lists } = await listImages({
    ...selectionOptions(texts, flags),
    environment: process.env,
    signal: cli.signal,
  })
  for (const message of warnings) cli.warn(message)
  for (const line of coverageLines(lists)) cli.note(line)
  return images
}
