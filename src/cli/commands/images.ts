import type { Command } from 'commander'
import { createHttpClient } from '../../http/http-client.ts'
import { formatReference } from '../../oci/reference.ts'
import { readRegistriesConfigs } from '../../registries-yaml/read-configs.ts'
import type { SelectedList } from '../../release/image-list.ts'
import { selectImages } from '../../release/select-images.ts'
import { version } from '../../version.ts'
import { formatJson } from '../output/events-ndjson.ts'
import { addOutput, type OutputFlags } from '../options/output.ts'
import { addSelection, selectionOptions, type SelectionFlags } from '../options/selection.ts'
import { exitCodes } from '../exit-code.ts'
import type { Session } from '../session.ts'

/** One line on how far a list can be trusted; undefined for a list of the user's own, which nobody published a checksum for. */
export function coverageLine({ name, sha256, coverage, release }: SelectedList): string | undefined {
  switch (coverage) {
    case 'checksum-file':
      return `${name}: the list matches the release's sha256sum-amd64.txt`
    case 'release-api':
      return `${name}: the list matches the digest in the release's API`
    case 'pinned':
      return `${name}: the list matches --list-sha256`
    case 'none':
      return release === undefined ? undefined : `${name}: no checksum covers the list; its sha256 is ${sha256} (pin it with --list-sha256)`
  }
}

/** Adds `k3s-mirror images`. */
export function addImagesCommand(program: Command, session: Session): void {
  const command = program.command('images').description('print the image list, one reference a line')
  addOutput(addSelection(command).option('--registries <file>', 'a registries.yaml, whose configs give TLS for the hosts of lists')).action(
    async (references: string[], flags: SelectionFlags & OutputFlags & { readonly registries?: string }) => {
      const { signal } = session
      const configs = flags.registries === undefined ? undefined : await readRegistriesConfigs(flags.registries, { signal })
      const client = createHttpClient({
        environment: process.env,
        userAgent: `k3s-mirror/${version}`,
        settings: (origin) => ({ tls: configs?.tlsFor(origin) }),
      })
      try {
        const list = await selectImages(client, { ...selectionOptions(references, flags), signal })
        for (const message of list.warnings) session.warn(message, flags)
        for (const line of list.lists.map(coverageLine)) if (line !== undefined) session.note(line, flags)
        const images = list.images.map(formatReference)
        session.print(flags.output === 'json' ? formatJson({ schemaVersion: 1, command: 'images', images, lists: list.lists, warnings: list.warnings }) : images.map((line) => `${line}\n`).join(''))
        session.exit(exitCodes.done)
      } finally {
        await client.close()
      }
    },
  )
}
