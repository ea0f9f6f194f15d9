import { formatReference } from '../../oci/reference.ts'
import type { K3sVersion } from '../../release/version.ts'
import { isLocalhost, normaliseEndpoint } from '../hosts/normalise-endpoint.ts'
import { firstVersionsWith, hasFeature, type K3sFeature } from '../k3s-features.ts'
import type { Registries, RegistryConfig } from '../registries.ts'
import { blankEntry, blankLines, headerLines } from './comments.ts'
import { formatRegistries } from './format-registries.ts'
import { mirrorsFor, nodeEndpoint, type MirroredImage, type Mirrors, type NodeEndpoint } from './mirrors.ts'
import { nodeConfig, type NodeDemands, type NodeSettings } from './node-config.ts'
import { proveResolution } from './prove-resolution.ts'
import { systemDefaultRegistry, type SystemDefaultRegistry } from './system-default-registry.ts'

/** What nodes are to find, and where. */
export interface GenerateOptions extends NodeSettings {
  /** The prefix may end with a slash; images carry it in their names already. */
  readonly endpoint: { readonly origin: URL; readonly prefix: string }
  readonly images: readonly MirroredImage[]
  /** What is known of the destination's TLS and credentials. */
  readonly known?: RegistryConfig | undefined
  /** What the destination is known to ask of nodes; default: unknown, so that comments show where it would go. */
  readonly demands?: NodeDemands | undefined
  /** Write known credentials; by default a comment stands in for them. */
  readonly secrets?: boolean | undefined
  /** One mirror for every registry, those of other images too. */
  readonly wildcard?: boolean | undefined
  /** Only the last part of each path was kept. */
  readonly flatten?: boolean | undefined
  /** What the images are of, as in `v1.37.1+k3s1`. */
  readonly selection?: string | undefined
  /** The versions of K3s that read the file; default: the newest. */
  readonly versions?: readonly K3sVersion[] | undefined
  /** Version of the program. */
  readonly version?: string | undefined
}

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
  const oldest = (feature: K3sFeature): string | undefined => {
    const old = versions.find((version) => !hasFeature(version, feature))
    return old === undefined ? undefined : `K3s v${old.major}.${old.minor}.${old.patch}`
  }
  const noRewrite = hasRewrite ? oldest('rewrite') : undefined
  if (noRewrite !== undefined) {
    notes.push(`${noRewrite} knows no rewrite, which the names at the destination need; ${firstVersionsWith('rewrite')} does`)
  }
  const noIPv6 = key.startsWith('[') ? oldest('config-version-3') : undefined
  if (noIPv6 !== undefined) {
    notes.push(`${noIPv6} cannot read an IPv6 address in brackets as an endpoint; ${firstVersionsWith('config-version-3')} can`)
  }
  return notes
}

/** Why `--system-default-registry` alone would lead nowhere; undefined where it would do. */
function whyNoFlag({ url, key, isSecure }: NodeEndpoint, system: SystemDefaultRegistry): string | undefined {
  if ('reason' in system) return `--system-default-registry would not do instead: ${system.reason}`
  if (normaliseEndpoint(key).url === normaliseEndpoint(url).url) return undefined
  const scheme = isSecure ? 'http' : 'https'
  return `--system-default-registry alone would make nodes speak ${scheme}: it needs a mirror "${key}" with the endpoint ${url}`
}

/**
 * Makes the registries.yaml with which nodes find every image under its name at the destination, and proves that they do. Throws USAGE
 * for options that cannot be right, and INTERNAL where the proof fails. https://docs.k3s.io/installation/private-registry
 */
export function generateRegistries(options: GenerateOptions): GeneratedRegistries {
  const { images, endpoint, selection, version } = options
  const destination = nodeEndpoint(endpoint.origin)
  const { key, isSecure } = destination
  const made = mirrorsFor(options, destination)
  const node = nodeConfig({ ...options, isSecure })
  const registries = {
    mirrors: made.mirrors,
    configs: new Map(node.config === undefined ? [] : [[key, node.config]]),
  }
  proveResolution(registries, { images, own: made.own, endpoint: destination })
  const header = {
    version,
    selection: selection ?? `${images.length} image${images.length === 1 ? '' : 's'}`,
    prefix: endpoint.prefix.replace(/\/$/, ''),
  }
  const system = systemDefaultRegistry(images)
  const noFlag = whyNoFlag(destination, system)
  return {
    registries,
    text: formatRegistries(registries, {
      header: headerLines(header, destination),
      ...(node.config === undefined ? { footer: blankEntry(node, destination) } : { configs: new Map([[key, blankLines(node)]]) }),
    }),
    notes: [...mirrorNotes(made, options, destination), ...node.notes, ...(noFlag === undefined ? [] : [noFlag])],
    systemDefaultRegistry: noFlag === undefined && 'value' in system ? system.value : undefined,
  }
}
