import { defaultRegistriesFile } from '../../registries-yaml/registries.ts'
import type { K3sVersion } from '../../release/version.ts'
import { collectCidrs, parseAbsolutePath, parsePauseImage, parseSystemRegistry } from './node-values.ts'
import { option, type OptionGroup } from './option.ts'
import { collect, parseK3sVersion, parsePort } from './values.ts'

/** What commander makes of the options that decide how K3s reads a registries.yaml. */
export interface K3sOptionFlags {
  readonly nodeConfig?: string
  readonly rke2?: boolean
  readonly disableDefaultRegistryEndpoint?: boolean
  readonly embeddedRegistry?: boolean
  readonly systemDefaultRegistry?: string
  readonly airgapExtraRegistry?: readonly string[]
  readonly pauseImage?: string
  readonly dataDir?: string
  readonly httpsListenPort?: number
  readonly supervisorPort?: number
  readonly serviceCidr?: readonly string[]
  readonly k3sVersion?: K3sVersion
}

/** The options that decide the names of the images that a node pulls. */
export const nodeNames: OptionGroup = [
  option('--node-config <file>', "read these settings from a node's config.yaml"),
  option('--rke2', 'the nodes run RKE2: its paths, header and supervisor port'),
  option('--system-default-registry <registry>', 'K3s pulls its own images from this registry', parseSystemRegistry),
  option('--pause-image <image>', 'the pause image of the nodes (empty: none)', parsePauseImage),
]

/** K3s' own flags, and the file that sets them on a node. */
export const k3sServer: OptionGroup = [
  ...nodeNames,
  option('--airgap-extra-registry <registry>', 'imported images get names of this registry too', collect),
  option('--data-dir <dir>', "directory of K3s' data on the nodes", parseAbsolutePath).default(undefined, '/var/lib/rancher/k3s'),
  option('--disable-default-registry-endpoint', 'nodes do not fall back to a registry that has a mirror'),
  option('--embedded-registry', 'nodes share images'),
  option('--https-listen-port <port>', 'port of the API server, and of the embedded registry', parsePort).default(undefined, '6443'),
  option('--supervisor-port <port>', 'port of the embedded registry, if it differs', parsePort),
  option('--service-cidr <cidr>', 'if IPv6 is first, the embedded registry is at [::1]', collectCidrs),
]

/** `--k3s-version`. */
export const k3sVersion: OptionGroup = [
  option('--k3s-version <version>', 'K3s version of the nodes, as in v1.30.4+k3s1', parseK3sVersion).default(undefined, 'newest'),
]

/** `--registries`, the file that a node would read. */
export const registriesFile: OptionGroup = [
  option('--registries <file>', 'the registries.yaml').default(undefined, `${defaultRegistriesFile}, or that of --node-config`),
]
