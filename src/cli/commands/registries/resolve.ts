import type { Command } from 'commander'
import { parseReference } from '../../../oci/reference.ts'
import type { K3sVersion } from '../../../release/version.ts'
import type { CliProcess } from '../../cli-process.ts'
import { exitCodes } from '../../exit-code.ts'
import { addK3sFlags, addK3sVersion, addRegistriesFile, k3sFlags, type K3sOptionFlags } from '../../options/k3s.ts'
import { addOutput, type OutputFlags } from '../../options/output.ts'
import { formatJson } from '../../output/events-ndjson.ts'
import { formatResolutions, resolutionsDocument } from '../../output/resolve-text.ts'
import { stylesFor } from '../../output/styles.ts'

interface ResolveFlags extends K3sOptionFlags, OutputFlags {
  readonly registries: string
  readonly k3sVersion?: K3sVersion
}

async function runResolve(texts: readonly string[], flags: ResolveFlags, cli: CliProcess): Promise<void> {
  const references = texts.map(parseReference)
  const { readRegistries } = await import('../../../registries-yaml/read/read-registries.ts')
  const { createResolver } = await import('../../../registries-yaml/resolve/resolve-reference.ts')
  const { explainResolution } = await import('../../../registries-yaml/resolve/explain-resolution.ts')
  const { registries } = await readRegistries(flags.registries, { signal: cli.signal })
  const k3s = k3sFlags(flags)
  const resolver = createResolver(registries, { ...k3s, version: flags.k3sVersion })
  const explained = references.map((reference) => {
    const resolved = resolver.resolve(reference)
    return { resolved, explanation: explainResolution(resolved, registries, k3s) }
  })
  cli.print(
    flags.output === 'json'
      ? `${formatJson(resolutionsDocument(explained))}\n`
      : formatResolutions(explained, stylesFor(process.stdout, process.env)),
  )
  cli.exit(exitCodes.done)
}

/** Adds `k3s-mirror registries resolve`. */
export function addResolveCommand(parent: Command, cli: CliProcess): void {
  const command = parent
    .command('resolve')
    .description('the endpoints that a node asks for an image, in order, with credentials and TLS, and why')
    .argument('<reference...>', 'images as pods name them')
  addOutput(addK3sVersion(addK3sFlags(addRegistriesFile(command)))).action((references: string[], flags: ResolveFlags) =>
    runResolve(references, flags, cli),
  )
}
