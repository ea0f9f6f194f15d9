import { formatReference, type Reference } from '../../oci/reference.ts'
import { isNodeItself, nodeItselfWarning } from '../hosts/node-itself.ts'
import { normaliseEndpoint } from '../hosts/normalise-endpoint.ts'
import { firstVersionsWith, versionWithout } from '../k3s-features.ts'
import type { Registries } from '../registries.ts'
import { blankEntry, blankLines, headerLines } from './comments.ts'
import { destinationConfig } from './destination-config.ts'
import { formatRegistries } from './format-registries.ts'
import { mirrorsFor, type Mirrors } from './mirrors.ts'
import { nodeEndpoint, type GenerateOptions, type MirroredImage, type NodeEndpoint } from './options.ts'
import { proveResolution } from './prove-resolution.ts'

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
}

function mirrorNotes(
  { mirrors, own }: Mirrors,
  { images, wildcard, versions = [] }: GenerateOptions,
  { key }: NodeEndpoint,
): readonly string[] {
  const notes: string[] = []
  const hasRewrite = [...mirrors.values()].some(({ rewrites }) => rewrites.size > 0)
  if (own.length > 0) {
    const count = own.length === images.length ? 'all images' : `${own.length} of ${images.length} images`
    notes.push(`${count} keep their names: they come from ${key} itself, so nodes need no mirror for them`)
    const copied = own.find(({ source, destination }) => source.path !== destination.path)
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

/** The value of K3s' flag that leads to the same images, or why no value does. */
type SystemDefaultRegistry = { readonly value: string } | { readonly reason: string }

/** K3s' own images, which are the only ones that the flag renames: those at Docker Hub today, and the coming ones at GitHub. */
function isSystemImage({ registry, path }: Reference): boolean {
  return (registry === 'docker.io' && path.startsWith('rancher/')) || (registry === 'ghcr.io' && path.startsWith('k3s-io/'))
}

/** K3s puts `<value>/` before the path of each of its own images and keeps the names of all others: https://docs.k3s.io/cli/server */
function systemDefaultRegistry(images: readonly MirroredImage[]): SystemDefaultRegistry {
  const values = new Set<string>()
  for (const { source, destination } of images) {
    if (!isSystemImage(source)) return { reason: `it renames only K3s' own images, and ${formatReference(source)} is not one of them` }
    const suffix = `/${source.path}`
    const name = `${destination.registry}/${destination.path}`
    if (!name.endsWith(suffix)) return { reason: `it keeps the path ${source.path}, which is ${destination.path} at the destination` }
    values.add(name.slice(0, -suffix.length))
  }
  const [value, ...others] = values
  if (value === undefined || others.length > 0) return { reason: 'the images do not share one prefix' }
  return { value }
}

/** Why `--system-default-registry` cannot replace the mirrors; undefined where it can. */
function whyNoFlag({ url, key, isSecure }: NodeEndpoint, system: SystemDefaultRegistry): string | undefined {
  if ('reason' in system) return `--system-default-registry cannot replace the mirrors: ${system.reason}`
  if (normaliseEndpoint(key).url === normaliseEndpoint(url).url) return undefined
  const scheme = isSecure ? 'http' : 'https'
  return `--system-default-registry makes nodes use ${scheme}: it also needs a mirror "${key}" with the endpoint ${url}`
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
  const system = systemDefaultRegistry(images)
  const noFlag = whyNoFlag(endpoint, system)
  return {
    registries,
    text: formatRegistries(registries, {
      header: headerLines(options, endpoint),
      ...(config === undefined
        ? { footer: blankEntry(blanks, endpoint) }
        : { configs: new Map([[key, [...comment, ...blankLines(blanks)]]]) }),
    }),
    notes: [...mirrorNotes(made, all, endpoint), ...notes, ...(noFlag === undefined ? [] : [noFlag])],
    warnings: [...(isNodeItself(key) ? [nodeItselfWarning(key)] : []), ...warnings],
    systemDefaultRegistry: noFlag === undefined && 'value' in system ? system.value : undefined,
  }
}
