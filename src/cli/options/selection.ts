import { inGroup, option, type OptionGroup } from './option.ts'
import { collect } from './values.ts'

/** What commander makes of the options that select images. */
export interface SelectionFlags {
  readonly release?: string[]
  readonly images?: string[]
  readonly manifest?: string[]
  readonly withUpgradeImages?: boolean
  readonly include?: string[]
  readonly exclude?: string[]
  readonly artifactUrl?: string
  readonly channelUrl?: string
  readonly listSha256?: string
  readonly locked?: string
}

/** What commander makes of the options that select images of archives. */
export interface ArchivedFlags extends Pick<SelectionFlags, 'include' | 'exclude'> {
  readonly name?: string
}

/** The argument that names single images. */
export const references = ['[reference...]', 'single images, as in docker.io/rancher/klipper-lb:v0.4.17'] as const

/** `--include` and `--exclude`. */
export const filters: OptionGroup = inGroup('Selection', [
  option('--include <glob>', 'only images whose registry/repository:tag matches', collect),
  option('--exclude <glob>', 'leave out images that match (wins over --include)', collect),
])

/** `--name`, for archives of other tools. */
export const archivedName: OptionGroup = inGroup('Selection', [
  option('--name <repository[:tag]>', 'name for images of an archive without a name'),
])

/** Selects images of archives. */
export const archived: OptionGroup = [...filters, ...archivedName]

/** Where releases and their lists are looked up. */
export const releaseHosts: OptionGroup = inGroup('Selection', [
  option('--artifact-url <url>', 'mirror of the release files').env('INSTALL_K3S_ARTIFACT_URL').default(undefined, 'GitHub'),
  option('--channel-url <url>', 'channel server').env('INSTALL_K3S_CHANNEL_URL').default(undefined, 'update.k3s.io'),
])

/** Selects images by lists and names. */
export const unlockedSelection: OptionGroup = [
  ...inGroup('Selection', [
    option('--release <tag|channel>', 'images of a K3s release: v1.37.1+k3s1, stable, v1.36', collect),
    option('--images <source>', 'text list (file, URL or -), bundle, lock file or oci:<dir>', collect),
    option('--manifest <source>', 'images in a Kubernetes manifest (file, URL or -)', collect),
    option('--with-upgrade-images', 'add rancher/k3s-upgrade of each release'),
  ]),
  ...filters,
  ...inGroup('Selection', [option('--list-sha256 <hex>', 'required checksum of the list')]),
  ...releaseHosts,
]

/** Selects images. */
export const selection: OptionGroup = [
  ...unlockedSelection,
  ...inGroup('Selection', [option('--locked <lock>', 'use exactly the digests of this lock file')]),
]
