import { layoutDirectory } from '../../../connect/destination.ts'
import { MirrorError } from '../../../errors.ts'
import type { Reference } from '../../../oci/reference.ts'
import { registryHostKeys } from '../../../oci/registry-host.ts'
import { nameDestination } from '../../../plan/destination-names.ts'
import { generateRegistries, type GeneratedRegistries } from '../../../registries-yaml/generate/generate-registries.ts'
import { readRegistries } from '../../../registries-yaml/read/read-registries.ts'
import type { RegistryConfig } from '../../../registries-yaml/registries.ts'
import { parseRenameRule } from '../../../registries-yaml/rename-rule.ts'
import { parseEndpoint } from '../../../registry/endpoint.ts'
import type { SelectedList } from '../../../release/image-list.ts'
import { parseVersion } from '../../../release/version.ts'
import { version } from '../../../version.ts'
import type { NodeFlags } from '../../commands/registries/generate.ts'

/** The images that nodes are to find, and the lists that they were named in. */
export interface NodeSelection {
  readonly images: readonly Reference[]
  readonly lists: readonly Pick<SelectedList, 'name' | 'release'>[]
}

/** Makes the registries.yaml for a selection; known credentials are in it only where secrets are asked for. */
export type NodeGenerator = (selection: NodeSelection, options: { readonly secrets: boolean }) => GeneratedRegistries

async function knownConfig(path: string | undefined, origin: URL, signal: AbortSignal): Promise<RegistryConfig | undefined> {
  if (path === undefined) return undefined
  const { registries } = await readRegistries(path, { signal })
  const configs = new Map([...registries.configs].map(([key, config]) => [key.toLowerCase(), config]))
  const key = registryHostKeys(origin.origin).find((candidate) => configs.has(candidate))
  return key === undefined ? undefined : configs.get(key)
}

function describe({ images, lists }: NodeSelection): string {
  const count = `${images.length} image${images.length === 1 ? '' : 's'}`
  const names = lists.map(({ name, release }) => release ?? name)
  return names.length === 0 ? count : `${names.join(', ')} (${count})`
}

/** Checks the options before anything is fetched or moved; throws USAGE, INVALID_REWRITE and INVALID_CONFIG. */
export async function nodeGenerator(flags: NodeFlags, { signal }: { readonly signal: AbortSignal }): Promise<NodeGenerator> {
  const { to, flatten, wildcard, caFile, certFile, keyFile, username } = flags
  if (layoutDirectory(to) !== undefined) {
    throw new MirrorError('USAGE', 'nodes pull from registries, and the destination is an OCI layout', {
      hint: 'Serve it with k3s-mirror serve, or push it to a registry, and give that registry as the destination.',
    })
  }
  const endpoint = parseEndpoint(to)
  const rules = (flags.rewrite ?? []).map(parseRenameRule)
  const known = await knownConfig(flags.registries, endpoint.origin, signal)
  const naming = { registry: endpoint.origin.host, prefix: endpoint.prefix.slice(0, -1), rules, flatten }
  return (selection, { secrets }) =>
    generateRegistries({
      endpoint,
      images: selection.images.map((source) => ({ source, destination: nameDestination(source, naming) })),
      known,
      secrets,
      wildcard,
      flatten,
      caFile,
      certFile,
      keyFile,
      username,
      selection: describe(selection),
      versions: selection.lists.flatMap(({ release }) => (release === undefined ? [] : [parseVersion(release)])),
      version,
    })
}
