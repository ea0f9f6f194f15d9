import type { Reference } from '../oci/reference.ts'

/** The names of K3s' packaged components and of the pause image since `--system-default-registry` exists; `mirrored-` since v1.22.2. */
const systemNames: ReadonlySet<string> = new Set([
  'coredns-coredns',
  'klipper-helm',
  'klipper-lb',
  'library-busybox',
  'library-traefik',
  'local-path-provisioner',
  'metrics-server',
  'mirrored-coredns-coredns',
  'mirrored-library-busybox',
  'mirrored-library-traefik',
  'mirrored-metrics-server',
  'mirrored-pause',
  'pause',
])

/** Where K3s' own images are: Docker Hub, and from v1.40 GitHub. https://github.com/k3s-io/k3s/issues/14561 */
const before = { registry: 'docker.io', directory: 'rancher/' } as const
const since = { registry: 'ghcr.io', directory: 'k3s-io/' } as const
/** The lists of Rancher Prime have the same paths in its own registry. */
const prime = { registry: 'registry.rancher.com', directory: 'rancher/' } as const

/** Images of the same publisher that are not a part of RKE2, which names many more than K3s. */
const upgrades = /^(?:kubectl|[^/]*-upgrade|system-upgrade-controller)$/

/**
 * True for an image that K3s or RKE2 pulls for itself, whose registry `--system-default-registry` replaces: https://docs.k3s.io/cli/server
 * False for other images of the same publisher: rancher/k3s-upgrade, rancher/system-upgrade-controller, rancher/kubectl, rancher/k3s.
 */
export function isSystemImage({ registry, path }: Pick<Reference, 'registry' | 'path'>, product: 'k3s' | 'rke2' = 'k3s'): boolean {
  const place = [before, since, prime].find((one) => registry === one.registry && path.startsWith(one.directory))
  if (place === undefined) return false
  const name = path.slice(place.directory.length)
  return product === 'k3s' ? systemNames.has(name) : !name.includes('/') && !upgrades.test(name)
}

/** The name that an image of K3s v1.40 or later had before, when it was at Docker Hub; undefined for any other image. The copies there have the same bytes. */
export function nameBeforeMove(image: Reference): Reference | undefined {
  if (image.registry !== since.registry || !image.path.startsWith(since.directory)) return undefined
  return { ...image, registry: before.registry, path: `${before.directory}${image.path.slice(since.directory.length)}` }
}
