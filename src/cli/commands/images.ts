import type { Command } from 'commander'
import { formatReference } from '../../oci/reference.ts'
import type { CliProcess } from '../cli-process.ts'
import { exitCodes } from '../exit-code.ts'
import { addOutput, type OutputFlags } from '../options/output.ts'
import { addSelection, selectionOptions, type SelectionFlags } from '../options/selection.ts'
import { formatJson } from '../output/events-ndjson.ts'
import { formatCoverage } from '../output/list-coverage.ts'

/** Adds `k3s-mirror images`. */
export function addImagesCommand(program: Command, cli: CliProcess): void {
  const command = program.command('images').description('print the image list, one reference a line')
  addOutput(addSelection(command).option('--registries <file>', 'a registries.yaml, whose configs give TLS for every host')).action(
    async (references: string[], flags: SelectionFlags & OutputFlags & { readonly registries?: string }) => {
      const selection = selectionOptions(references, flags)
      const { listImages } = await import('../../runs/list-images.ts')
      const list = await listImages({ ...selection, registries: flags.registries, environment: process.env, signal: cli.signal })
      for (const message of list.warnings) cli.warn(message, flags)
      for (const line of list.lists.map(formatCoverage)) if (line !== undefined) cli.note(line, flags)
      const images = list.images.map(formatReference)
      const document = { schemaVersion: 1, command: 'images', images, lists: list.lists, warnings: list.warnings }
      cli.print(flags.output === 'json' ? `${formatJson(document)}\n` : images.map((line) => `${line}\n`).join(''))
      cli.exit(exitCodes.done)
    },
  )
}
