import type { Command } from 'commander'
import { formatReference } from '../../oci/reference.ts'
import { formatCoverage } from '../output/list-coverage.ts'
import { formatJson } from '../output/events-ndjson.ts'
import { addOutput, type OutputFlags } from '../options/output.ts'
import { addSelection, selectionOptions, type SelectionFlags } from '../options/selection.ts'
import { exitCodes } from '../exit-code.ts'
import type { Session } from '../session.ts'

/** Adds `k3s-mirror images`. */
export function addImagesCommand(program: Command, session: Session): void {
  const command = program.command('images').description('print the image list, one reference a line')
  addOutput(addSelection(command).option('--registries <file>', 'a registries.yaml, whose configs give TLS for every host')).action(
    async (references: string[], flags: SelectionFlags & OutputFlags & { readonly registries?: string }) => {
      const selection = selectionOptions(references, flags)
      const { listImages } = await import('../../list-images.ts')
      const list = await listImages({ ...selection, registries: flags.registries, environment: process.env, signal: session.signal })
      for (const message of list.warnings) session.warn(message, flags)
      for (const line of list.lists.map(formatCoverage)) if (line !== undefined) session.note(line, flags)
      const images = list.images.map(formatReference)
      const document = { schemaVersion: 1, command: 'images', images, lists: list.lists, warnings: list.warnings }
      session.print(flags.output === 'json' ? `${formatJson(document)}\n` : images.map((line) => `${line}\n`).join(''))
      session.exit(exitCodes.done)
    },
  )
}
