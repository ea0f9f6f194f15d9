import { askedImages } from '../../../node/asked-names.ts'
import { privateRegistryPath } from '../../../node/node-settings.ts'
import { formatReference, parseReference, type Reference } from '../../../oci/reference.ts'
import { readRegistries } from '../../../registries-yaml/read/read-registries.ts'
import { explainResolution } from '../../../registries-yaml/resolve/explain-resolution.ts'
import { createResolver } from '../../../registries-yaml/resolve/resolve-reference.ts'
import type { CliProcess } from '../../cli-process.ts'
import type { ResolveFlags } from '../../commands/registries.ts'
import { exitCodes } from '../../exit-code.ts'
import { formatResolutions, resolutionsDocument } from '../../output/resolve-text.ts'
import { nodeSettings } from '../node-settings.ts'

/** The images to resolve. Code for lists is loaded only where the arguments are not all of the selection. */
async function selectReferences(cli: CliProcess, flags: ResolveFlags, texts: readonly string[]): Promise<readonly Reference[]> {
  const { release, images, manifest, withUpgradeImages, include, exclude, locked } = flags
  const hasSelection = [release, images, manifest, withUpgradeImages, include, exclude, locked].some((values) => values !== undefined)
  if (texts.length > 0 && !hasSelection) return texts.map(parseReference)
  return (await import('./list-references.ts')).listReferences(cli, flags, texts)
}

/** Prints the endpoints that a node asks for images. */
export async function runResolve(cli: CliProcess, flags: ResolveFlags, texts: readonly string[]): Promise<void> {
  const k3s = await nodeSettings(flags, cli)
  const { registries } = await readRegistries(flags.registries ?? privateRegistryPath(k3s), { signal: cli.signal })
  const resolver = createResolver(registries, k3s)
  const references = await selectReferences(cli, flags, texts)
  const { images, warnings } = askedImages(references, k3s)
  for (const warning of warnings) cli.warn(warning)
  const explained = images.map(({ image, asked }) => {
    const resolved = resolver.resolve(asked)
    return { image: formatReference(image), resolved, explanation: explainResolution(resolved, registries, k3s) }
  })
  cli.show(resolutionsDocument(explained), (styles) => formatResolutions(explained, styles))
  cli.exit(exitCodes.done)
}
