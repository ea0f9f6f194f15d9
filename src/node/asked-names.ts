import { isMirrorError, MirrorError } from '../errors.ts'
import { formatReference, parseReference, type Reference } from '../oci/reference.ts'
import { firstVersionsWith, hasFeature } from '../registries-yaml/k3s-features.ts'
import { formatVersion, type K3sVersion } from '../release/version.ts'
import type { NodeSettings } from './node-settings.ts'

/** The settings that decide under which names a node pulls K3s' own images. */
export type NamingSettings = Pick<NodeSettings, 'version' | 'product' | 'systemDefaultRegistry' | 'pauseImage'>

/** An image, and the name under which a node pulls it. */
export interface AskedImage {
  /** As the selection names it; for a pause image that the selection lacks, the name without `--system-default-registry`. */
  readonly image: Reference
  readonly asked: Reference
  /** False for a pause image that the selection lacks. */
  readonly isSelected: boolean
  /** True for a name in a registry that the settings name. */
  readonly isPrivate: boolean
}

/** The images that a node pulls, and what the settings leave open. */
export interface AskedImages {
  readonly images: readonly AskedImage[]
  readonly warnings: readonly string[]
}

/** Where the packaged components of K3s are: https://github.com/k3s-io/k3s/blob/main/scripts/airgap/image-list.txt */
const namespaces = /^(?:rancher|k3s-io)\/[^/]+$/
const components = /[/-](?:coredns|metrics-server|local-path-provisioner|busybox|traefik|klipper-lb|klipper-helm|pause)$/
const pauseName = /[/-]pause$/
/** Images of Rancher that are not a part of RKE2. */
const upgrades = /\/(?:kubectl|[^/]*-upgrade|system-upgrade-controller)$/

/** The default of `--pause-image` by the first version with it: https://github.com/k3s-io/k3s/blob/main/pkg/cli/cmds/agent.go */
const pauseDefaults: readonly (readonly [minor: number, patch: number, image: string])[] = [
  [36, 3, 'rancher/mirrored-pause:3.10.2'],
  [22, 6, 'rancher/mirrored-pause:3.6'],
  [22, 2, 'rancher/mirrored-pause:3.1'],
  [0, 0, 'rancher/pause:3.1'],
]

/** The first version that pulls its own images from ghcr.io/k3s-io. */
const firstWithGhcr = { major: 1, minor: 40 }

function isFromGhcr({ major, minor }: K3sVersion): boolean {
  return major > firstWithGhcr.major || (major === firstWithGhcr.major && minor >= firstWithGhcr.minor)
}

/** True for an image that K3s or RKE2 names itself, and therefore pulls from `--system-default-registry`: https://docs.k3s.io/cli/server */
export function isPackagedImage({ path }: Reference, { product = 'k3s' }: NamingSettings = {}): boolean {
  if (!namespaces.test(path)) return false
  return product === 'rke2' ? !upgrades.test(path) : components.test(path)
}

/** The registry that a node puts before the names of its own images; undefined for none, which is also the meaning of an empty value. */
function prefixOf({ version, systemDefaultRegistry }: NamingSettings): string | undefined {
  return systemDefaultRegistry === '' || !hasFeature(version, 'system-default-registry') ? undefined : systemDefaultRegistry
}

/** The repository of an image below `--system-default-registry`. Throws INVALID_CONFIG for a value that is not a registry. */
function below(registry: string, { path, tag, digest }: Reference): Reference {
  try {
    const repository = parseReference(`${registry}/${path}`)
    return {
      registry: repository.registry,
      path: repository.path,
      ...(tag !== undefined && { tag }),
      ...(digest !== undefined && { digest }),
    }
  } catch (error) {
    if (!isMirrorError(error)) throw error
    throw new MirrorError(
      'INVALID_CONFIG',
      `invalid options.systemDefaultRegistry ${JSON.stringify(registry.slice(0, 300))}: expected host[:port][/path]`,
      {
        hint: 'pass a registry without a scheme and without a slash at the end, as in registry.example.com:5000/mirror',
      },
    )
  }
}

/** The name under which a node pulls an image: `--system-default-registry` replaces the host of K3s' own images, and keeps the path. Throws INVALID_CONFIG. */
export function askedName(image: Reference, settings: NamingSettings): Reference {
  const registry = prefixOf(settings)
  return registry === undefined || !isPackagedImage(image, settings) ? image : below(registry, image)
}

/** The pause image that K3s writes for `--pause-image`. Before v1.40, it puts the registry before any text that does not begin with it: https://github.com/k3s-io/k3s/blob/main/pkg/agent/config/config.go */
export function writtenPauseImage(text: string, settings: NamingSettings): string {
  const registry = prefixOf(settings)
  if (registry === undefined || text === '' || text.startsWith(registry)) return text
  const isSwapped = settings.version !== undefined && isFromGhcr(settings.version)
  return isSwapped ? formatReference(below(registry, parseReference(text))) : `${registry}/${text}`
}

function pauseOf(text: string, settings: NamingSettings): Omit<AskedImage, 'isSelected'> {
  const asked = parseReference(writtenPauseImage(text, settings))
  const isPrivate = prefixOf(settings) !== undefined || asked.registry !== 'docker.io'
  return { image: parseReference(text), asked, isPrivate }
}

/** The pause image that a version pulls by default; undefined where only the release's list knows. */
export function defaultPauseImage(version: K3sVersion | undefined): string | undefined {
  if (version === undefined) return pauseDefaults[0]?.[2]
  if (isFromGhcr(version)) return undefined
  return pauseDefaults.find(([minor, patch]) => version.minor > minor || (version.minor === minor && version.patch >= patch))?.[2]
}

/** The images that a node pulls for a selection. A node with `--system-default-registry` or `--pause-image` cannot start a pod without its pause image, so that is one of them. Throws INVALID_CONFIG and INVALID_REFERENCE. */
export function askedImages(selected: readonly Reference[], settings: NamingSettings): AskedImages {
  const { version, systemDefaultRegistry: registry, pauseImage } = settings
  const warnings: string[] = []
  if (registry !== undefined && registry !== '' && version !== undefined && prefixOf(settings) === undefined) {
    warnings.push(
      `K3s ${formatVersion(version)} does not have --system-default-registry: it requires ${firstVersionsWith('system-default-registry')} or later`,
    )
  }
  const isPause = (image: Reference): boolean => isPackagedImage(image) && pauseName.test(image.path)
  if (pauseImage === '') warnings.push("the pause image is not checked: with an empty --pause-image it is containerd's default")
  const own = pauseImage === undefined || pauseImage === '' ? undefined : pauseOf(pauseImage, settings)
  const images = selected.map((image) => {
    const asked = askedName(image, settings)
    return { image, asked, isSelected: true, isPrivate: asked !== image }
  })
  if (own !== undefined) {
    const name = formatReference(own.image)
    const others = images.filter(({ image }) => !isPause(image) && formatReference(image) !== name)
    const isSelected = selected.some((image) => formatReference(image) === name)
    return { images: [...others, { ...own, isSelected }], warnings }
  }
  if (prefixOf(settings) === undefined || pauseImage === '' || selected.some(isPause)) return { images, warnings }
  const known = settings.product === 'rke2' ? undefined : defaultPauseImage(version)
  if (known !== undefined) return { images: [...images, { ...pauseOf(known, settings), isSelected: false }], warnings }
  warnings.push('the pause image is not checked: select the image list of the release, which names it')
  return { images, warnings }
}
