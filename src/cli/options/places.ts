import { option, type OptionGroup } from './option.ts'
import { collect, collectEndpoint, collectHost, collectList, wholeNumber } from './values.ts'

/** What commander makes of the options about sources. */
export interface SourceFlags {
  readonly from?: Record<string, string>
  readonly registries?: string
  readonly tokenHost?: string[]
  readonly storageHost?: string[]
  readonly platform?: string[]
  readonly foreignLayers?: boolean
  readonly jobs?: number
  readonly blobJobs?: number
  readonly retries?: number
  readonly timeout?: number
}

/** What commander makes of the options about both places and names. */
export interface PlaceFlags extends SourceFlags {
  readonly to: string
  readonly sparse?: boolean
  readonly rewrite?: string[]
  readonly flatten?: boolean
  readonly recheck?: boolean
}

/** Where registries may send us. */
export const trustedHosts: OptionGroup = [
  option(
    '--token-host <host>',
    "a host of another domain that may see a registry's credentials as its token server; repeatable",
    collectHost,
  ),
  option('--storage-host <host>', 'a private host that a registry may redirect to or upload to; repeatable', collectHost),
]

const logins: OptionGroup = [
  option('--registries <file>', 'a registries.yaml, whose configs give TLS and credentials for every host'),
  ...trustedHosts,
]

/** Where images are read from, and what the sources are talked to with. */
export const sources: OptionGroup = [
  option(
    '--from <registry=source>',
    "read that registry's images from this endpoint or oci:<directory>; * for every registry; repeatable",
    collectEndpoint,
  ),
  ...logins,
]

const to = option(
  '--to <destination>',
  '[http://|https://]<host>[:port][/prefix], or oci:<directory> for an OCI layout; required',
).makeOptionMandatory()

/** Where images are written to, and what the destination is talked to with, where the source is a file. */
export const destination: OptionGroup = [to, ...logins]

/** Which platforms, and which of their layers. */
export const platforms: OptionGroup = [
  option(
    '--platform <os/arch[/variant]>',
    'what nodes of these platforms pull, under a new index; repeatable or comma-separated; default: all, byte for byte',
    collectList,
  ),
  option('--foreign-layers', 'copy the layers of Windows base images too, which by default stay where they are'),
]

/** How images are named at the destination, and what of it is walked. */
export const naming: OptionGroup = [
  option(
    '--rewrite <regex=replacement>',
    'rename repositories at the destination, in Go syntax; the first that matches; repeatable',
    collect,
  ),
  option('--flatten', 'keep only the last part of repository names'),
  option('--recheck', 'walk images whose root is there already'),
]

/** `--timeout`. */
export const timeout: OptionGroup = [
  option(
    '--timeout <seconds>',
    'to connect, for an answer, and within which a transfer must move 1 KiB/s (default: 60; to connect 30)',
    wholeNumber(1),
  ),
]

/** How much at once, and how patiently; `jobs` says what the default is. */
export function transfer(jobs = '16'): OptionGroup {
  return [
    option('--jobs <n>', `images at once (default: ${jobs})`, wholeNumber(1)),
    option('--blob-jobs <n>', 'large blobs at once, per registry (default: 6)', wholeNumber(1)),
    option('--retries <n>', 'tries after a failure (default: 7)', wholeNumber(0)),
    ...timeout,
  ]
}

/** Where images come from and go to, and under which names. */
export const places: OptionGroup = [
  to,
  ...sources,
  ...platforms,
  option('--sparse', 'with --platform: keep the original index and leave the other platforms out'),
  ...naming,
  ...transfer('16, and 2 with --via docker'),
]

/** Where credentials and trust come from, for `--help` of what transfers. */
export const credentialsHelp: string =
  "\nCredentials come from --registries, DOCKER_AUTH_CONFIG, $DOCKER_CONFIG/config.json with its credential helpers, the logins of podman and skopeo ($REGISTRY_AUTH_FILE, containers/auth.json), then K3S_MIRROR_USERNAME and K3S_MIRROR_PASSWORD (for the destination).\nPrivate authorities come from the system's trust store, SSL_CERT_FILE, SSL_CERT_DIR, NODE_EXTRA_CA_CERTS, and configs.<host>.tls.ca_file of --registries."

/** `--write-registries`, for commands that copy to a registry. */
export const writeRegistries: OptionGroup = [
  option('--write-registries <file>', 'afterwards write the registries.yaml with which nodes find the images to this file'),
]
