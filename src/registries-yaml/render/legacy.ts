import { tlsFields, type Mirror, type Registries, type RegistryConfig } from '../registries.ts'
import { completeValues, legacyDefaults, runtimeTable } from './node-values.ts'
import {
  byKey,
  containerdAuth,
  entryName,
  ownHeader,
  quotedKey,
  quotedPatterns,
  type RenderedConfig,
  type RenderOptions,
} from './rendered.ts'
import { isUnreadableKey, nonEmpty, tomlTable, writeToml, type TomlTable } from './write-toml.ts'

function mirrorTable({ endpoints, rewrites }: Mirror): TomlTable {
  return tomlTable([
    ['endpoint', endpoints],
    ['rewrite', nonEmpty(new Map(byKey(rewrites)))],
  ])
}

function configTable({ auth, tls }: RegistryConfig): TomlTable {
  return tomlTable([
    ['auth', auth && containerdAuth(auth)],
    ['tls', tls && new Map(tlsFields(tls))],
  ])
}

function registryTable({ mirrors, configs }: Registries): TomlTable {
  return tomlTable([
    ['mirrors', nonEmpty(tomlTable(byKey(mirrors).map(([key, mirror]) => [key, mirrorTable(mirror)])))],
    ['configs', nonEmpty(tomlTable(byKey(configs).map(([key, config]) => [key, nonEmpty(configTable(config))])))],
  ])
}

function* notesOf({ mirrors, configs }: Registries, { flags = {} }: RenderOptions): Generator<string> {
  for (const [key, { rewrites }] of mirrors) {
    if (rewrites.size > 0) {
      yield `${entryName('mirrors', key)}: only K3s v1.21 and later applies the rewrite ${quotedPatterns(rewrites.keys())}; older versions and stock containerd use the original names`
    }
  }
  const keys = [...mirrors.keys(), ...configs.keys(), ...[...mirrors.values()].flatMap(({ rewrites }) => [...rewrites.keys()])]
  for (const key of new Set(keys.filter(isUnreadableKey))) yield `${quotedKey(key)}: containerd 1 cannot read this key`
  if (flags.disableDefaultEndpoint === true) {
    yield '--disable-default-registry-endpoint has no effect: K3s versions with this format always fall back to the registry itself'
  }
  if (flags.embeddedRegistry === true) yield '--embedded-registry has no effect: K3s versions with this format do not support it'
}

/** The config.toml of K3s until v1.22, without certs.d, but with the escaped strings that containerd requires: https://github.com/containerd/cri/blob/release/1.3/docs/registry.md */
export function renderLegacy(registries: Registries, options: RenderOptions = {}): RenderedConfig {
  const values = options.full && completeValues(options.full, legacyDefaults)
  const runtime = values && runtimeTable(values, { binDir: ['bin_dir', values.cniBinDir || undefined], sandboxImage: values.pauseImage })
  const cri = tomlTable([
    ['stream_server_address', values && '127.0.0.1'],
    ['stream_server_port', values && '10010'],
    ...(runtime ?? []),
    ['registry', nonEmpty(registryTable(registries))],
  ])
  const plugins = tomlTable([
    ['opt', values && tomlTable([['path', values.containerdOpt]])],
    ['cri', nonEmpty(cri)],
  ])
  const text = plugins.size > 0 ? `\n${writeToml(new Map([['plugins', plugins]]), 'go-toml-1')}` : ''
  return { files: new Map([['config.toml', `${ownHeader}\n${text}`]]), notes: [...notesOf(registries, options)] }
}
