import { defaultRegistriesFile } from '../../registries-yaml/registries.ts'
import type { K3sVersion } from '../../release/version.ts'
import { option, type OptionGroup } from './option.ts'
import { parseK3sVersion } from './values.ts'

/** What commander makes of the options that say how K3s reads a registries.yaml. */
export interface K3sOptionFlags {
  readonly disableDefaultRegistryEndpoint?: boolean
  readonly embeddedRegistry?: boolean
  readonly k3sVersion?: K3sVersion
}

/** K3s' own flags. */
export const k3sServer: OptionGroup = [
  option('--disable-default-registry-endpoint', "as nodes have it: a mirror's own registry is not asked when its endpoints fail"),
  option('--embedded-registry', 'as servers have it: nodes share their images with each other'),
]

/** `--k3s-version`. */
export const k3sVersion: OptionGroup = [
  option('--k3s-version <version>', 'the version that reads the file, as v1.30.4+k3s1; default: the newest', parseK3sVersion),
]

/** `--registries`, the file that a node would read. */
export const registriesFile: OptionGroup = [option('--registries <file>', 'the registries.yaml').default(defaultRegistriesFile)]
