import { InvalidArgumentError, Option, type Command } from 'commander'
import { isMirrorError } from '../../errors.ts'
import type { K3sFlags } from '../../registries-yaml/hosts/host-table.ts'
import { defaultRegistriesFile } from '../../registries-yaml/registries.ts'
import { parseVersion, type K3sVersion } from '../../release/version.ts'

/** What commander makes of the options that say how K3s reads a registries.yaml. */
export interface K3sOptionFlags {
  readonly disableDefaultRegistryEndpoint?: boolean
  readonly embeddedRegistry?: boolean
}

/** Adds K3s' own flags. */
export function addK3sFlags(command: Command): Command {
  return command
    .option('--disable-default-registry-endpoint', "as nodes have it: a mirror's own registry is not asked when its endpoints fail")
    .option('--embedded-registry', 'as servers have it: nodes share their images with each other')
}

/** The library's flags for the options. */
export function k3sFlags({ disableDefaultRegistryEndpoint, embeddedRegistry }: K3sOptionFlags): K3sFlags {
  return { disableDefaultEndpoint: disableDefaultRegistryEndpoint, embeddedRegistry }
}

function readVersion(text: string): K3sVersion {
  try {
    return parseVersion(/^v?[0-9]+\.[0-9]+\.[0-9]+$/.test(text) ? `v${text.replace(/^v/, '')}+k3s1` : text)
  } catch (error) {
    if (isMirrorError(error)) throw new InvalidArgumentError(error.hint ?? error.message)
    throw error
  }
}

/** Adds `--k3s-version`. */
export function addK3sVersion(command: Command): Command {
  return command.addOption(
    new Option('--k3s-version <version>', 'the version that reads the file, as v1.30.4+k3s1; default: the newest').argParser(readVersion),
  )
}

/** Adds `--registries`, the file that a node would read. */
export function addRegistriesFile(command: Command): Command {
  return command.option('--registries <file>', 'the registries.yaml', defaultRegistriesFile)
}
