import { askedImages } from '../../../node/asked-names.ts'
import type { NodeSettings } from '../../../node/node-settings.ts'
import type { GeneratedRegistries } from '../../../registries-yaml/generate/generate-registries.ts'
import { listImages } from '../../../runs/list-images.ts'
import type { CliProcess } from '../../cli-process.ts'
import type { GenerateFlags } from '../../commands/registries.ts'
import { exitCodes } from '../../exit-code.ts'
import { refuseSharedFiles } from '../../files/output-files.ts'
import { openRegistriesFile } from '../../files/registries-file.ts'
import { formatCount } from '../../output/format-amount.ts'
import { coverageLines } from '../../output/list-coverage.ts'
import { selectedFiles, selectionOptions } from '../library-options.ts'
import { nodeSettings } from '../node-settings.ts'
import { readNodePassword } from './node-password.ts'
import { nodeGenerator } from './node-registries.ts'

/** The document of `--output json`. */
function documentFor(
  { registries, text, systemDefaultRegistry, needMirrors, ...remarks }: GeneratedRegistries,
  { to, out }: GenerateFlags,
): object {
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
    ...remarks,
    ...(systemDefaultRegistry !== undefined && { systemDefaultRegistry, needMirrors }),
  }
}

const mostNamed = 10

/** What K3s' flag can do where nodes run without it. */
function flagNotes(
  { registries, systemDefaultRegistry: value, needMirrors: others }: GeneratedRegistries,
  { systemDefaultRegistry: given = '' }: NodeSettings,
): readonly string[] {
  if (value === undefined || given !== '') return []
  const also = registries.configs.size === 0 ? '' : '; nodes need configs with it too'
  const more = others.length > mostNamed ? `, and ${others.length - mostNamed} more` : ''
  const rest =
    others.length === 0
      ? ''
      : `; ${formatCount(others.length, 'other image')} ${others.length === 1 ? 'needs' : 'need'} them still: ${others.slice(0, mostNamed).join(', ')}${more}`
  return [`--system-default-registry ${value} can replace the mirrors for K3s' own images${also}${rest}`]
}

/** Generates the registries.yaml with which nodes find the images. */
export async function runGenerate(cli: CliProcess, flags: GenerateFlags, references: readonly string[]): Promise<void> {
  const { signal } = cli
  const { out, registries } = flags
  const settings = await nodeSettings(flags, cli)
  const generate = await nodeGenerator(flags, { signal, settings })
  await refuseSharedFiles([out], [...selectedFiles(flags), registries, flags.nodeConfig])
  const write = out === undefined ? undefined : await openRegistriesFile(out, flags.force === true ? 'any' : 'none')
  const password = await readNodePassword(flags, cli)
  const list = await listImages({ ...selectionOptions(references, flags), registries, environment: process.env, signal })
  for (const message of list.warnings) cli.warn(message)
  for (const line of coverageLines(list.lists)) cli.note(line)
  for (const message of askedImages(list.images, settings).warnings) cli.warn(message)
  // Standard output gets only a password that was given for it; a file has the mode 0600.
  const shown = generate(list, { secrets: false, password: out === undefined ? password : undefined })
  const written = write === undefined ? undefined : generate(list, { secrets: true, password })
  if (written !== undefined) await write?.(written.text)
  const { notes, warnings } = written ?? shown
  if (flags.output === 'json' || written === undefined) cli.show(documentFor({ ...shown, notes, warnings }, flags), () => shown.text)
  else cli.note(`wrote ${out ?? ''}`)
  if (flags.output !== 'json') {
    for (const warning of warnings) cli.warn(warning)
    for (const note of [...notes, ...flagNotes(shown, settings)]) cli.note(`note: ${note}`)
  }
  cli.exit(exitCodes.done)
}
