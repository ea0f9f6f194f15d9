import { defaultRegistriesFile } from '../../registries-yaml/registries.ts'
import type { K3sVersion } from '../../release/version.ts'
import { option, type OptionGroup } from './option.ts'
import { parseK3sVersion } from './values.ts'

/** What commander makes of the options that decide how K3s reads a registries.yaml. */
export interface K3sOptionFlags {
  readonly disableDefaultRegistryEndpoint?: boolean
  readonly embeddedRegistry?: boolean
  readonly k3sVersion?: K3sVersion
}

/** K3s' own flags. */
export const k3sServer: OptionGroup = [
  option('--disable-default-registry-endpoint', 'nodes run with this flag of K3s: no fallback to upstream'),
  option('--embedded-registry', 'servers run with this flag of K3s: nodes share images'),
]

/** `--k3s-version`. */
export const k3sVersion: OptionGroup = [
  option('--k3s-version <version>', 'K3s version of the nodes, as in v1.30.4+k3s1', parseK3sVersion).default(undefined, 'newest'),
]

/** `--registries`, the file that a node would read. */
export const registriesFile: OptionGroup = [option('--registries <file>', 'the registries.yaml').default(defaultRegistriesFile)]
