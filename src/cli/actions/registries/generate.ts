import type { GeneratedRegistries } from '../../../registries-yaml/generate/generate-registries.ts'
import { listImages } from '../../../runs/list-images.ts'
import type { CliProcess } from '../../cli-process.ts'
import type { GenerateFlags } from '../../commands/registries.ts'
import { exitCodes } from '../../exit-code.ts'
import { refuseSharedFiles } from '../../files/output-files.ts'
import { openRegistriesFile } from '../../files/registries-file.ts'
import { coverageLines } from '../../output/list-coverage.ts'
import { selectionOptions } from '../library-options.ts'
import { nodeGenerator } from './node-registries.ts'

/** The document of `--output json`; `generated` must hold no secrets. */
function documentFor({ registries, text, notes, systemDefaultRegistry }: GeneratedRegistries, { to, out }: GenerateFlags): object {
  const mirrors = [...registries.mirrors].map(([name, { endpoints, rewrites }]) => [
    name,
    { endpoint: endpoints, ...(rewrites.size > 0 && { rewrite: Object.fromEntries(rewrites) }) },
  ])
  return {
    schemaVersion: 1,
    command: 'registries generate',
    destination: to,
    ...(out !== undefined && { file: out }),
    text,
    mirrors: Object.fromEntries(mirrors) as object,
    notes,
    ...(systemDefaultRegistry !== undefined && { systemDefaultRegistry }),
  }
}

function flagNotes({ registries, systemDefaultRegistry: value }: GeneratedRegistries): readonly string[] {
  const needed = registries.configs.size === 0 ? '' : ' of the mirrors; what configs has is needed all the same'
  return value === undefined ? [] : [`for K3s' own images, and for no others, --system-default-registry ${value} would do instead${needed}`]
}

/** Makes the registries.yaml with which nodes find the images. */
export async function runGenerate(cli: CliProcess, flags: GenerateFlags, references: readonly string[]): Promise<void> {
  const { signal } = cli
  const { out, registries } = flags
  const generate = await nodeGenerator(flags, { signal })
  await refuseSharedFiles([out], [...(flags.images ?? []), registries])
  const write = out === undefined ? undefined : await openRegistriesFile(out, flags.force === true ? 'any' : 'none')
  const list = await listImages({ ...selectionOptions(references, flags), registries, environment: process.env, signal })
  for (const message of list.warnings) cli.warn(message)
  for (const line of coverageLines(list.lists)) cli.note(line)
  const shown = generate(list, { secrets: false })
  const written = write === undefined ? undefined : generate(list, { secrets: true })
  if (written !== undefined) await write?.(written.text)
  const { notes } = written ?? shown
  if (flags.output === 'json' || written === undefined) cli.show(documentFor({ ...shown, notes }, flags), () => shown.text)
  else cli.note(`wrote ${out ?? ''}`)
  if (flags.output !== 'json') for (const note of [...notes, ...flagNotes(shown)]) cli.note(`note: ${note}`)
  cli.exit(exitCodes.done)
}
