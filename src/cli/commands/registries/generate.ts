import type { Command } from 'commander'
import type { GeneratedRegistries } from '../../../registries-yaml/generate/generate-registries.ts'
import type { CliProcess } from '../../cli-process.ts'
import { exitCodes } from '../../exit-code.ts'
import { refuseSharedFiles } from '../../options/output-files.ts'
import { addOutput, type OutputFlags } from '../../options/output.ts'
import { openRegistriesFile } from '../../options/registries-out.ts'
import { addSelection, collect, selectionOptions, type SelectionFlags } from '../../options/selection.ts'
import { formatJson } from '../../output/events-ndjson.ts'
import { formatCoverage } from '../../output/list-coverage.ts'
import type { NodeFlags } from './node-registries.ts'

interface GenerateFlags extends NodeFlags, SelectionFlags, OutputFlags {
  readonly out?: string
  readonly force?: boolean
}

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

async function runGenerate(references: readonly string[], flags: GenerateFlags, cli: CliProcess): Promise<void> {
  const { signal } = cli
  const { nodeGenerator } = await import('./node-registries.ts')
  const generate = await nodeGenerator(flags, { signal })
  await refuseSharedFiles([flags.out], [...(flags.images ?? []), flags.registries])
  const write = flags.out === undefined ? undefined : await openRegistriesFile(flags.out, flags.force === true ? 'any' : 'none')
  const { listImages } = await import('../../../runs/list-images.ts')
  const list = await listImages({
    ...selectionOptions(references, flags),
    registries: flags.registries,
    environment: process.env,
    signal,
  })
  for (const message of list.warnings) cli.warn(message, flags)
  for (const line of list.lists.map(formatCoverage)) if (line !== undefined) cli.note(line, flags)
  const shown = generate(list, { secrets: false })
  const written = write === undefined ? undefined : generate(list, { secrets: true })
  if (written !== undefined) await write?.(written.text)
  const { notes } = written ?? shown
  if (flags.output === 'json') cli.print(`${formatJson(documentFor({ ...shown, notes }, flags))}\n`)
  else if (written === undefined) cli.print(shown.text)
  else cli.note(`wrote ${flags.out ?? ''}`, flags)
  if (flags.output !== 'json') {
    for (const note of [...notes, ...flagNotes(shown)]) cli.note(`note: ${note}`, flags)
  }
  cli.exit(exitCodes.done)
}

/** Adds `k3s-mirror registries generate`. */
export function addGenerateCommand(parent: Command, cli: CliProcess): void {
  const command = parent
    .command('generate')
    .description('a registries.yaml with which nodes find the images at the destination')
    .requiredOption('--to <destination>', '[http://|https://]<host>[:port][/prefix], as given to mirror; required')
  addOutput(
    addSelection(command)
      .option('--rewrite <regex=replacement>', 'as given to mirror; repeatable', collect)
      .option('--flatten', 'as given to mirror')
      .option('--wildcard', 'one mirror for every registry, those of other images too')
      .option('--ca-file <path>', "where the CA of the destination's certificate lies on nodes")
      .option('--cert-file <path>', 'where the client certificate of nodes lies on them')
      .option('--key-file <path>', 'where its key lies on nodes')
      .option('--username <name>', 'the account that nodes pull with; its password is left to be filled in')
      .option('--registries <file>', 'a registries.yaml that is in use here, whose configs tell TLS and credentials of the destination')
      .option('--out <file>', 'write it to this file, with the credentials of --registries, in place of standard output')
      .option('--force', 'write over a file that is there'),
  ).action((references: string[], flags: GenerateFlags) => runGenerate(references, flags, cli))
}
