import { formatReference, type Reference } from '../../oci/reference.ts'
import { isLocalhost, normaliseEndpoint } from '../hosts/normalise-endpoint.ts'
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
  /** Sentences for the reader. */
  readonly notes: readonly string[]
  /** The value of `--system-default-registry` that would do instead of the mirrors for K3s' own images; what `configs` has is needed all the same; undefined where none would, which a note explains. */
  readonly systemDefaultRegistry: string | undefined
}

function mirrorNotes(
  { mirrors, own }: Mirrors,
  { images, wildcard, versions = [] }: GenerateOptions,
  { url, key }: NodeEndpoint,
): readonly string[] {
  const notes: string[] = []
  const hasRewrite = [...mirrors.values()].some(({ rewrites }) => rewrites.size > 0)
  if (own.length > 0) {
    const count = own.length === images.length ? 'every image' : `${own.length} of ${images.length} images`
    notes.push(`${count} stays as it is named: it comes from ${key} itself, and nodes find it there without a mirror`)
    const copied = own.find(({ source, destination }) => source.path !== destination.path)
    if (copied !== undefined) {
      const [source, copy] = [copied.source, copied.destination].map(formatReference)
      notes.push(`nodes pull ${source} and not its copy ${copy}: no mirror leads from a registry to other names in the same one`)
    }
  }
  if (isLocalhost(key)) notes.push(`${url} is each node itself, wherever this file goes`)
  if (wildcard === true) notes.push(`the wildcard needs K3s ${firstVersionsWith('wildcard')} or later`)
  if (wildcard === true && hasRewrite) notes.push(`images that name ${key} itself are renamed too, unless "configs" has an entry for it`)
  const noRewrite = hasRewrite ? versionWithout('rewrite', versions) : undefined
  if (noRewrite !== undefined) {
    notes.push(`K3s ${noRewrite} knows no rewrite, which the names at the destination need; ${firstVersionsWith('rewrite')} does`)
  }
  const noIPv6 = key.startsWith('[') ? versionWithout('config-version-3', versions) : undefined
  if (noIPv6 !== undefined) {
    notes.push(`K3s ${noIPv6} cannot read an IPv6 address in brackets as an endpoint; ${firstVersionsWith('config-version-3')} can`)
  }
  return notes
}

/** The value of K3s' flag that would lead to the same images, or why none would. */
type SystemDefaultRegistry = { readonly value: string } | { readonly reason: string }

/** K3s' own images, which alone the flag is about: today's, and those of the coming ones at GitHub. */
function isSystemImage({ registry, path }: Reference): boolean {
  return (registry === 'docker.io' && path.startsWith('rancher/')) || (registry === 'ghcr.io' && path.startsWith('k3s-io/'))
}

/** K3s puts `<value>/` before the path of each of its own images and leaves the names of all others: https://docs.k3s.io/cli/server */
function systemDefaultRegistry(images: readonly MirroredImage[]): SystemDefaultRegistry {
  const values = new Set<string>()
  for (const { source, destination } of images) {
    if (!isSystemImage(source)) return { reason: `${formatReference(source)} is none of K3s' own images, whose names alone it changes` }
    const suffix = `/${source.path}`
    const name = `${destination.registry}/${destination.path}`
    if (!name.endsWith(suffix)) return { reason: `it keeps the path ${source.path}, and the destination has ${destination.path}` }
    values.add(name.slice(0, -suffix.length))
  }
  const [value, ...others] = values
  if (value === undefined || others.length > 0) return { reason: 'the images are not all under one prefix' }
  return { value }
}

/** Why `--system-default-registry` alone would lead nowhere; undefined where it would do. */
function whyNoFlag({ url, key, isSecure }: NodeEndpoint, system: SystemDefaultRegistry): string | undefined {
  if ('reason' in system) return `--system-default-registry would not do instead: ${system.reason}`
  if (normaliseEndpoint(key).url === normaliseEndpoint(url).url) return undefined
  const scheme = isSecure ? 'http' : 'https'
  return `--system-default-registry alone would make nodes speak ${scheme}: it needs a mirror "${key}" with the endpoint ${url}`
}

/** Makes the registries.yaml with which nodes find every image at the destination; throws USAGE for options that cannot be right, INTERNAL where its proof of that fails. */
export function generateRegistries(options: GenerateOptions): GeneratedRegistries {
  const { images } = options
  const endpoint = nodeEndpoint(options.endpoint.origin)
  const { key, isSecure } = endpoint
  const made = mirrorsFor(options, endpoint)
  const { config, blanks, notes } = destinationConfig(options, isSecure)
  const registries = { mirrors: made.mirrors, configs: new Map(config === undefined ? [] : [[key, config]]) }
  proveResolution(registries, images, made.own, endpoint)
  const system = systemDefaultRegistry(images)
  const noFlag = whyNoFlag(endpoint, system)
  return {
    registries,
    text: formatRegistries(registries, {
      header: headerLines(options, endpoint),
      ...(config === undefined ? { footer: blankEntry(blanks, endpoint) } : { configs: new Map([[key, blankLines(blanks)]]) }),
    }),
    notes: [...mirrorNotes(made, options, endpoint), ...notes, ...(noFlag === undefined ? [] : [noFlag])],
    systemDefaultRegistry: noFlag === undefined && 'value' in system ? system.value : undefined,
  }
}
