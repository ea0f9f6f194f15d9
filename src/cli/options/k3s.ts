import { defaultRegistriesFile } from '../../registries-yaml/registries.ts'
import { option, type OptionGroup } from './option.ts'
import { collectList, parseNodeVersion, wholeNumber, type NodeVersion } from './values.ts'

/** What commander makes of the options that decide how K3s reads a registries.yaml. */
export interface K3sOptionFlags {
  readonly nodeConfig?: string
  readonly disableDefaultRegistryEndpoint?: boolean
  readonly embeddedRegistry?: boolean
  readonly systemDefaultRegistry?: string
  readonly airgapExtraRegistry?: readonly string[]
  readonly pauseImage?: string
  readonly dataDir?: string
  readonly httpsListenPort?: number
  readonly serviceCidr?: readonly string[]
  readonly k3sVersion?: NodeVersion
}

/** K3s' own flags, and the file that sets them on a node. */
export const k3sServer: OptionGroup = [
  option('--node-config <file>', "read these settings from a node's config.yaml"),
  option('--disable-default-registry-endpoint', 'nodes run with this flag of K3s: no fallback to upstream'),
  option('--embedded-registry', 'servers run with this flag of K3s: nodes share images'),
  option('--system-default-registry <registry>', 'nodes run with this flag of K3s: where its own images are'),
  option('--airgap-extra-registry <registry>', 'nodes run with this flag of K3s: names of imported images', collectList),
  option('--data-dir <dir>', "directory of K3s' data on the nodes").default(undefined, '/var/lib/rancher/k3s'),
  option('--https-listen-port <port>', 'port of the API server, and of the embedded registry', wholeNumber(1)).default(undefined, '6443'),
  option('--service-cidr <cidr>', 'if IPv6 is first, the embedded registry is at [::1]', collectList),
]

/** `--pause-image`. */
export const pauseImage: OptionGroup = [option('--pause-image <image>', 'the sandbox image (an empty value leaves it out)')]

/** `--k3s-version`. */
export const k3sVersion: OptionGroup = [
  option('--k3s-version <version>', 'K3s or RKE2 version of the nodes, as in v1.30.4+k3s1', parseNodeVersion).default(undefined, 'newest'),
]

/** `--registries`, the file that a node would read. */
export const registriesFile: OptionGroup = [option('--registries <file>', 'the registries.yaml').default(defaultRegistriesFile)]
