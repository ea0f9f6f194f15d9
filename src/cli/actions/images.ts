import { formatReference } from '../../oci/reference.ts'
import { listImages } from '../../runs/list-images.ts'
import type { CliProcess } from '../cli-process.ts'
import type { ImagesFlags } from '../commands/images.ts'
import { exitCodes } from '../exit-code.ts'
import { coverageLines } from '../output/list-coverage.ts'
import { selectionOptions } from './library-options.ts'

/** Prints the image list. */
export async function run(cli: CliProcess, flags: ImagesFlags, references: readonly string[]): Promise<void> {
  const { registries } = flags
  const options = { ...selectionOptions(references, flags), registries, environment: process.env, signal: cli.signal }
  const { images: selected, lists, warnings } = await listImages(options)
  for (const message of warnings) cli.warn(message)
  for (const line of coverageLines(lists)) cli.note(line)
  const images = selected.map(formatReference)
  cli.show({ schemaVersion: 1, command: 'images', images, lists, warnings }, () => images.map((line) => `${line}\n`).join(''))
  cli.exit(exitCodes.done)
}
