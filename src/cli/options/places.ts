import type { IfChanged } from '../../plan/resolve-image.ts'
import { inGroup, option, type HelpSection, type OptionGroup } from './option.ts'
import { collect, collectDestination, collectEndpoint, collectHost, collectList, wholeNumber } from './values.ts'

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
  readonly ifChanged?: IfChanged
}

/** Which other hosts registries may refer to. */
export const trustedHosts: OptionGroup = inGroup('Connection', [
  option('--token-host <host>', 'other domain trusted as the token server of a registry', collectHost),
  option('--storage-host <host>', 'private host that a registry may redirect to', collectHost),
])

/** Where TLS settings and credentials come from, and which other hosts are trusted. */
export const logins: OptionGroup = [
  ...inGroup('Connection', [option('--registries <file>', 'registries.yaml with TLS and credentials of hosts')]),
  ...trustedHosts,
]

/** `--from`. */
const from: OptionGroup = inGroup('Source', [
  option('--from <registry=source>', 'read this registry (* for all) from an endpoint or oci:<dir>', collectEndpoint),
])

const toForms = ['--to <destination>', '[http[s]://]host[:port][/prefix], or oci:<directory>'] as const

/** `--to` of a command with one destination. */
export const to: OptionGroup = inGroup('Destination', [option(...toForms).makeOptionMandatory()])

/** `--to` of a command with several. */
const toEach: OptionGroup = inGroup('Destination', [option(...toForms, collectDestination).makeOptionMandatory()])

/** Which platforms, and which of their layers. */
const platforms: OptionGroup = inGroup('Source', [
  option('--platform <os/arch>', 'only these platforms, under a new index (default: all)', collectList),
  option('--foreign-layers', 'also copy the layers of Windows base images'),
])

/** How images are named at the destination. */
export const renaming: OptionGroup = inGroup('Destination', [
  option('--rewrite <regex=text>', 'rename repositories (Go regexp, first match wins)', collect),
  option('--flatten', 'keep only the last part of repository names'),
])

/** The same, and which images are checked again. */
const naming: OptionGroup = [
  ...renaming,
  ...inGroup('Destination', [
    option('--recheck', 're-check images that are already present'),
    option('--if-changed <action>', 'for a tag with other content at the destination')
      .choices(['replace', 'fail', 'skip'])
      .default(undefined, 'replace'),
  ]),
]

/** `--timeout`. */
export const timeout: OptionGroup = inGroup('Connection', [
  option('--timeout <seconds>', 'time limit of an answer, and of 1 KiB/s on average', wholeNumber(1)).default(
    undefined,
    '60; to connect: 30',
  ),
])

/** How many requests run at once, and how often a failure is retried; `jobs` is the default of `--jobs`. */
function transfer(jobs = '16'): OptionGroup {
  return [
    ...inGroup('Connection', [
      option('--jobs <n>', 'images copied at once', wholeNumber(1)).default(undefined, jobs),
      option('--blob-jobs <n>', 'large blobs copied at once, per registry', wholeNumber(1)).default(undefined, '6'),
      option('--retries <n>', 'retries after a failure', wholeNumber(0)).default(undefined, '7'),
    ]),
    ...timeout,
  ]
}

/** Where images are read from, and how: for commands whose destination is a file. */
export const sources: OptionGroup = [...from, ...platforms, ...logins, ...transfer()]

/** Where images are written to, and how: for commands whose source is a file. */
export const destinations: OptionGroup = [...to, ...naming, ...logins, ...transfer()]

/** `--sparse`. */
export const sparse: OptionGroup = inGroup('Source', [option('--sparse', 'with --platform: keep the original index')])

/** Where images come from and go to, and under which names. */
export const places: OptionGroup = [
  ...toEach,
  ...naming,
  ...from,
  ...platforms,
  ...sparse,
  ...logins,
  ...transfer('16; with --via docker: 2'),
]

/** `--write-registries`, for commands that copy to a registry. */
export const writeRegistries: OptionGroup = inGroup('Output', [
  option('--write-registries <file>', 'afterwards write the registries.yaml for nodes'),
])

/** Where credentials and certificate authorities come from, for `--help`. */
export const credentials: readonly HelpSection[] = [
  [
    'Credentials',
    '--registries, DOCKER_AUTH_CONFIG, the config.json of Docker with its credential helpers, the auth.json of podman, then K3S_MIRROR_USERNAME and K3S_MIRROR_PASSWORD (destination only)',
  ],
  ['Certificates', 'the trust store of the system, SSL_CERT_FILE, SSL_CERT_DIR, NODE_EXTRA_CA_CERTS, and ca_file in --registries'],
]
