/** A layer by its size in megabytes (10^6 bytes); layers that share a name have the same bytes on the same platform in every image and release. */
export interface LayerShape {
  readonly megabytes: number
  readonly shared?: string
}

/** How an image is built: its media types, and the entries of its index other than Linux platforms. */
export type ImageKind =
  /** OCI media types. */
  | 'oci'
  /** Docker media types. */
  | 'docker'
  /** OCI media types, with an attestation manifest for each platform. */
  | 'attested'
  /** Docker media types, with Windows entries that differ by `os.version`. */
  | 'windows'

/** What an image is made of. */
export interface ImageShape {
  /** Path without registry: `rancher/klipper-lb`. */
  readonly repository: string
  readonly tag: string
  readonly kind: ImageKind
  readonly layers: readonly LayerShape[]
  /** Puts a layer that is only named by URL before the others of every platform. */
  readonly foreignLayer?: boolean
}

const alpine: LayerShape = { megabytes: 3.8, shared: 'alpine' }
const distroless: readonly LayerShape[] = [0.1, 0.02, 0.06, 0.3].map((megabytes, index) => ({ megabytes, shared: `distroless-${index}` }))
const own = (...megabytes: readonly number[]): readonly LayerShape[] => megabytes.map((size) => ({ megabytes: size }))

/** The images of K3s v1.37.1+k3s1 by name, in shapes near to the public ones. */
export const k3sImages: readonly ImageShape[] = [
  {
    repository: 'rancher/klipper-helm',
    tag: 'v0.13.3-build20260727',
    kind: 'oci',
    layers: [alpine, ...own(0.4, 18, 22, 15, 4, 0.01, 0.001)],
  },
  { repository: 'rancher/klipper-lb', tag: 'v0.4.17', kind: 'oci', layers: [alpine, ...own(1.2, 0.001)] },
  { repository: 'rancher/local-path-provisioner', tag: 'v0.0.37', kind: 'docker', layers: [alpine, ...own(0.3, 16)] },
  { repository: 'rancher/mirrored-coredns-coredns', tag: '1.14.7', kind: 'docker', layers: [...distroless, ...own(22)] },
  { repository: 'rancher/mirrored-library-busybox', tag: '1.37.0', kind: 'attested', layers: own(2.2) },
  { repository: 'rancher/mirrored-library-traefik', tag: '3.7.13', kind: 'attested', layers: [alpine, ...own(0.4, 51, 0.001)] },
  { repository: 'rancher/mirrored-metrics-server', tag: 'v0.9.0', kind: 'docker', layers: [...distroless, ...own(19)] },
  { repository: 'rancher/mirrored-pause', tag: '3.10.2', kind: 'windows', layers: own(0.3) },
]

/** Gives every reference of a list (`docker.io/rancher/x:1`) a shape: that of the image with the same repository, else the next one in turn. */
export function shapesFor(references: readonly string[]): readonly ImageShape[] {
  return references.map((reference, index) => {
    const [, repository = '', tag = 'latest'] = /^(?:[^/]*[.:][^/]*\/)?([^:@]+)(?::([^@]+))?/.exec(reference) ?? []
    const shape = k3sImages.find((image) => image.repository === repository) ?? k3sImages[index % k3sImages.length]
    return { repository, tag, kind: shape?.kind ?? 'oci', layers: shape?.layers ?? own(1) }
  })
}
