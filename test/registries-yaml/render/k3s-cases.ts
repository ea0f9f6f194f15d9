import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { ConfigVersion } from '../../../src/registries-yaml/render/rendered.ts'

/** A registries.yaml and what K3s' own code made of it. */
export interface K3sCase {
  readonly name: string
  /** The registries.yaml. */
  readonly file: string
  readonly text: string
  readonly disableDefaultEndpoint: boolean
  readonly embeddedRegistry: boolean
  /** Lines of K3s' log, without their level. */
  readonly log: readonly string[]
  /** K3s did not start. */
  readonly isRefused: boolean
  /** Every hosts.toml by its path from `certs.d/` on. */
  readonly hosts: ReadonlyMap<string, string>
  /** Whole config.toml files of a node that has nothing but the registries set. */
  readonly configs: ReadonlyMap<ConfigVersion, string>
}

const directory = fileURLToPath(new URL('../../../fixtures/registries-yaml/cases/', import.meta.url))

function readCase(name: string): K3sCase {
  const read = (path: string): string => readFileSync(`${directory}${name}/${path}`, 'utf8')
  const has = (path: string): boolean => existsSync(`${directory}${name}/${path}`)
  const below = has('certs.d') ? readdirSync(`${directory}${name}/certs.d`, { recursive: true, encoding: 'utf8' }) : []
  const paths = below.filter((path) => path.endsWith('/hosts.toml')).map((path) => `certs.d/${path}`)
  const versions = ([2, 3] as const).filter((version) => has(`config-v${version}.toml`))
  const log = read('log').trimEnd().split('\n')
  return {
    name,
    file: `${directory}${name}/registries.yaml`,
    text: read('registries.yaml'),
    disableDefaultEndpoint: read('flags').includes('no-default'),
    embeddedRegistry: read('flags').includes('embedded'),
    log: log.filter((line) => line.startsWith('level=')).map((line) => line.replace(/^level=\w+ /, '')),
    isRefused: log.includes('exit=2'),
    hosts: new Map(paths.map((path) => [path, read(path)])),
    configs: new Map(versions.map((version) => [version, read(`config-v${version}.toml`)])),
  }
}

/** The part of a config.toml from the registry section on, as K3s writes it last. */
export function registrySection(config: string): string {
  return config.slice(config.search(/^\[plugins\S*\.registry\]$/m))
}

/** All cases, each with files that K3s wrote itself. */
export const k3sCases: readonly K3sCase[] = readdirSync(directory)
  .filter((name) => name !== 'README.md')
  .toSorted()
  .map(readCase)
