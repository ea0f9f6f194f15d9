import type { KitFile } from '../bundle/bundle-record.ts'
import type { Inventory, InventoryEntry } from './inventory.ts'

/** What the page at `/` shows in addition to the images. */
export interface PageFacts {
  /** Scheme and host as the reader addressed the server. */
  readonly origin: URL
  readonly isWritable: boolean
  readonly hasPasswords: boolean
  /** True where files require a password too, which K3s' installer does not send. */
  readonly protectFiles?: boolean
  /** The registry name of pushed images in the layout. */
  readonly registry: string
  /** The releases and lists of a bundle. */
  readonly lists: readonly string[]
  /** The registries.yaml for nodes; undefined without images. */
  readonly nodeRegistries: string | undefined
  /** Why nodes may not reach the server at this origin. */
  readonly nodeWarning: string | undefined
  /** The files that the server offers; undefined for a registry without files. */
  readonly files: readonly KitFile[] | undefined
  /** The CA certificate of the server in PEM, if nodes need it. */
  readonly caCertificate: string | undefined
}

/** Where nodes find the registries.yaml of this server. */
export const registriesPath = '/registries.yaml'

/** Where K3s reads the file. */
export const nodePath = '/etc/rancher/k3s/registries.yaml'

/** The state of the server, a word or two each. */
export function statusOf({ isWritable, origin, hasPasswords }: PageFacts): readonly string[] {
  return [
    isWritable ? 'writable' : 'read-only',
    origin.protocol === 'https:' ? 'HTTPS' : 'plain HTTP',
    hasPasswords ? 'password required' : 'no password',
  ]
}

/** The repository by the name that clients pull it by; images of other registries show their origin. */
export function repositoryName({ repository }: InventoryEntry, { registry }: PageFacts): string {
  return repository.registry === registry ? repository.path : `${repository.registry}/${repository.path}`
}

/** The lists of the images, and the releases with the number of their images. */
export function sourcesOf({ releases }: Inventory, { lists }: PageFacts): readonly string[] {
  const counted = [...releases].map(([release, images]) => `${release} (${images} ${images === 1 ? 'image' : 'images'})`)
  return [...counted, ...lists.filter((list) => !releases.has(list))]
}
