import { option, type OptionGroup } from './option.ts'
import { collect } from './values.ts'

/** What commander makes of the options that say which images are meant. */
export interface SelectionFlags {
  readonly release?: string[]
  readonly images?: string[]
  readonly include?: string[]
  readonly exclude?: string[]
  readonly artifactUrl?: string
  readonly channelUrl?: string
  readonly listSha256?: string
}

/** What commander makes of the options that say which images of archives are meant. */
export interface ArchivedFlags extends Pick<SelectionFlags, 'include' | 'exclude'> {
  readonly name?: string
}

/** The argument that names single images. */
export const references = ['[reference...]', 'single images'] as const

const filters: OptionGroup = [
  option('--include <glob>', 'only images whose registry/repository:tag matches; repeatable', collect),
  option('--exclude <glob>', 'no images whose registry/repository:tag matches; wins over --include; repeatable', collect),
]

/** `--name`, for archives of other tools. */
export const archivedName: OptionGroup = [
  option('--name <repository[:tag]>', 'name images that have only a tag; with a tag also one without a name'),
]

/** Which images of archives are meant. */
export const archived: OptionGroup = [...filters, ...archivedName]

/** Which images are meant. */
export const selection: OptionGroup = [
  option('--release <tag or channel>', 'the images of a K3s release, as v1.37.1+k3s1, stable, latest or v1.36; repeatable', collect),
  option('--images <source>', 'a text list (file, URL or -), a bundle, a lock file, or oci:<directory>; repeatable', collect),
  ...filters,
  option('--artifact-url <url>', 'where release files are; default: the downloads of K3s at GitHub').env('INSTALL_K3S_ARTIFACT_URL'),
  option('--channel-url <url>', 'where channels are; default: https://update.k3s.io/v1-release/channels').env('INSTALL_K3S_CHANNEL_URL'),
  option('--list-sha256 <hex>', 'refuse the list if it has another checksum'),
]
