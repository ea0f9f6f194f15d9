import { supervisorPorts, type K3sFlags } from '../registries-yaml/hosts/k3s-flags.ts'
import { defaultRegistriesFile } from '../registries-yaml/registries.ts'
import type { K3sVersion } from '../release/version.ts'

/** The settings of a node that decide which images it pulls, and from where: https://docs.k3s.io/cli/server */
export interface NodeSettings extends K3sFlags {
  /** The version of K3s; default: the newest. */
  readonly version?: K3sVersion | undefined
  /** Path of the registries.yaml on the node; default: `/etc/rancher/k3s/registries.yaml`. */
  readonly privateRegistry?: string | undefined
  /** `--system-default-registry`, `host[:port][/path]` */
  readonly systemDefaultRegistry?: string | undefined
  /** `--airgap-extra-registry` */
  readonly airgapExtraRegistries?: readonly string[] | undefined
  /** `--pause-image`; default: that of the version. */
  readonly pauseImage?: string | undefined
  /** `--https-listen-port` */
  readonly httpsListenPort?: number | undefined
  /** `--supervisor-port`; default: `--https-listen-port`. */
  readonly supervisorPort?: number | undefined
  /** `--service-cidr`, in the order of the flag: the first one decides the loopback address of the embedded registry. */
  readonly serviceCidrs?: readonly string[] | undefined
  readonly snapshotter?: string | undefined
}

/** The path of the registries.yaml on a node. */
export function privateRegistryPath({ privateRegistry, product = 'k3s' }: NodeSettings): string {
  return privateRegistry ?? (product === 'k3s' ? defaultRegistriesFile : '/etc/rancher/rke2/registries.yaml')
}

/** Options over settings from a file. */
export function mergeSettings(file: NodeSettings, options: NodeSettings): NodeSettings {
  return { ...file, ...Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) }
}

/** The settings with the address of the embedded registry derived from its port and its loopback address. RKE2 has no flag for the port. */
export function withEmbeddedAddress(settings: NodeSettings): NodeSettings {
  const { embeddedAddress, product = 'k3s', httpsListenPort, serviceCidrs: [first = ''] = [] } = settings
  if (embeddedAddress !== undefined) return settings
  const given = product === 'rke2' ? undefined : (settings.supervisorPort ?? httpsListenPort)
  const isIPv6 = first.includes(':')
  if (given === undefined && !isIPv6) return settings
  return { ...settings, embeddedAddress: `${isIPv6 ? '[::1]' : '127.0.0.1'}:${given ?? supervisorPorts[product]}` }
}
