import { parseReference } from '../../../oci/reference.ts'
import type { MirrorReport } from '../../../report/report.ts'
import type { CliProcess } from '../../cli-process.ts'
import type { NodeFlags } from '../../commands/registries/generate.ts'
import { openRegistriesFile } from '../../files/registries-file.ts'
import { nodeGenerator } from './node-registries.ts'

/** Writes the file once the images are mirrored; gives the closing line about it, undefined where nothing was written. */
export type NodesWriter = (report: MirrorReport) => Promise<string | undefined>

/** Why there is nothing that a registries.yaml could lead to. */
function whyNot({ interrupted, totals }: MirrorReport): string | undefined {
  if (interrupted === true) return 'the run was interrupted'
  return totals.failed === totals.images ? 'no image is at the destination' : undefined
}

/** Prepares `--write-registries`: options and file are checked before anything moves. Throws USAGE, INVALID_CONFIG, INVALID_REWRITE and LOCAL_IO. */
export async function openNodesWriter(path: string, flags: NodeFlags, cli: CliProcess): Promise<NodesWriter> {
  const generate = await nodeGenerator(flags, cli)
  const write = await openRegistriesFile(path, 'generated')
  return async (report) => {
    const reason = whyNot(report)
    if (reason !== undefined) {
      cli.note(`${path} is not written: ${reason}`)
      return undefined
    }
    try {
      const images = report.images.map(({ source }) => parseReference(source))
      const { registries, text, notes, systemDefaultRegistry } = generate({ images, lists: report.lists }, { secrets: true })
      await write(text)
      const { failed, images: all } = report.totals
      const missed = failed === 1 ? 'it' : 'these'
      if (failed > 0) cli.note(`note: ${path} is for all ${all} images, and ${failed} of them failed: nodes will miss ${missed}`)
      for (const note of notes) cli.note(`note: ${note}`)
      const needed = registries.configs.size === 0 ? '' : ' its configs alone with'
      const instead = systemDefaultRegistry === undefined ? '' : `; or${needed} --system-default-registry ${systemDefaultRegistry}`
      return `nodes: ${path} as /etc/rancher/k3s/registries.yaml${instead}`
    } catch (error) {
      cli.complain(error)
      return undefined
    }
  }
}
