import { formatReference } from '../../oci/reference.ts'
import { isNodeItself, nodeItselfWarning } from '../hosts/node-itself.ts'
import { firstVersionsWith, versionWithout } from '../k3s-features.ts'
import type { Registries } from '../registries.ts'
import { blankEntry, blankLines, headerLines } from './comments.ts'
import { destinationConfig } from './destination-config.ts'
import { formatRegistries } from './format-registries.ts'
import { mirrorsFor, type Mirrors } from './mirrors.ts'
import { nodeEndpoint, type GenerateOptions, type NodeEndpoint } from './options.ts'
import { proveResolution } from './prove-resolution.ts'
import { useDefaultRegistry } from './system-default-registry.ts'

/** A registries.yaml for nodes. */
export interface GeneratedRegistries {
  readonly registries: Registries
  readonly text: string
  /** Sentences about what the file does and does not do. */
  readonly notes: readonly string[]
  /** Sentences about what keeps nodes from pulling: an address that is the node itself, a placeholder for a password. */
  readonly warnings: readonly string[]
  /** The value of `--system-default-registry` that replaces the mirrors for K3s' own images; nodes need `configs` with it too. Undefined where no value does, which a note explains. */
  readonly systemDefaultRegistry: string | undefined
  /** Full references of the images that need the mirrors also where nodes run with that flag. */
  readonly needMirrors: readonly string[]
}

function mirrorNotes(
  { mirrors, own }: Mirrors,
  { images, wildcard, versions = [] }: GenerateOptions,
  { key }: NodeEndpoint,
): readonly string[] {
  const notes: string[] = []
  const hasRewrite = [...mirrors.values()].some(({ rewrites }) => rewrites.size > 0)
  const kept = own.filter((image) => images.includes(image))
  if (kept.length > 0) {
    const count = kept.length === images.length ? 'all images' : `${kept.length} of ${images.length} images`
    notes.push(`${count} keep their names: they come from ${key} itself, so nodes need no mirror for them`)
    const copied = kept.find(({ source, destination }) => source.path !== destination.path)
    if (copied !== undefined) {
      const [source, copy] = [copied.source, copied.destination].map(formatReference)
      notes.push(`nodes pull ${source}, not its copy ${copy}: a mirror cannot rename images within one registry`)
    }
  }
  if (wildcard === true) notes.push(`the wildcard requires K3s ${firstVersionsWith('wildcard')} or later`)
  if (wildcard === true && hasRewrite) notes.push(`the wildcard also renames images of ${key} itself, unless configs has an entry for it`)
  const noRewrite = hasRewrite ? versionWithout('rewrite', versions) : undefined
  if (noRewrite !== undefined) {
    notes.push(`K3s ${noRewrite} does not support rewrite, which these names need: upgrade to ${firstVersionsWith('rewrite')} or later`)
  }
  const noIPv6 = key.startsWith('[') ? versionWithout('config-version-3', versions) : undefined
  if (noIPv6 !== undefined) {
    const newer = firstVersionsWith('config-version-3')
    notes.push(`K3s ${noIPv6} cannot read an endpoint with an IPv6 address: upgrade to ${newer} or later`)
  }
  return notes
}

/** Generates the registries.yaml with which nodes find every image at the destination. Throws USAGE for options that contradict each other, INTERNAL for a file that would not do so. */
export function generateRegistries(options: GenerateOptions): GeneratedRegistries {
  const { images, pulledAs = [] } = options
  const all = { ...options, images: [...images, ...pulledAs] }
  const endpoint = nodeEndpoint(options.endpoint.origin)
  const { key } = endpoint
  const made = mirrorsFor(all, endpoint)
  const { config, blanks, comment, notes, warnings } = destinationConfig(options, endpoint)
  const registries = { mirrors: made.mirrors, configs: new Map(config === undefined ? [] : [[key, config]]) }
  proveResolution(registries, all.images, made.own, endpoint)
  const flag = useDefaultRegistry(options, endpoint, made.own)
  return {
    registries,
    text: formatRegistries(registries, {
      header: headerLines(options, endpoint),
      ...(config === undefined
        ? { footer: blankEntry(blanks, endpoint) }
        : { configs: new Map([[key, [...comment, ...blankLines(blanks)]]]) }),
    }),
    notes: [...mirrorNotes(made, options, endpoint), ...notes, ...flag.notes],
    warnings: [...(isNodeItself(key) ? [nodeItselfWarning(key)] : []), ...warnings],
    systemDefaultRegistry: flag.value,
    needMirrors: flag.needMirrors,
  }
}
