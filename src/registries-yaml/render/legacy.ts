import type { Mirror, Registries, RegistryTls } from '../registries.ts'
import { completeValues, legacyDefaults, type NodeValues } from './node-values.ts'
import { authFields, byKey, entryName, ownHeader, quoted, quotedPatterns, type RenderedConfig, type RenderOptions } from './rendered.ts'
import { isUnreadableKey, writeToml, type TomlTable, type TomlValue } from './write-toml.ts'

type Entries = readonly (readonly [string, TomlValue])[]

function mirrorTable({ endpoints, rewrites }: Mirror): TomlTable {
  return new Map<string, TomlValue>([
    ['endpoint', endpoints],
    ...(rewrites.size > 0 ? [['rewrite', new Map(byKey(rewrites))] as const] : []),
  ])
}

function tlsTable({ caFile, certFile, keyFile, insecureSkipVerify }: RegistryTls): TomlTable {
  const files = Object.entries({ ca_file: caFile, cert_file: certFile, key_file: keyFile }).filter(([, path]) => path !== '')
  return new Map<string, TomlValue>([...files, ...(insecureSkipVerify ? [['insecure_skip_verify', true] as const] : [])])
}

function registryTable({ mirrors, configs }: Registries): TomlTable {
  const configTables = byKey(configs).flatMap(([key, { auth, tls }]): Entries => {
    const table = new Map<string, TomlValue>([
      ...(auth === undefined ? [] : [['auth', authFields(auth)] as const]),
      ...(tls === undefined ? [] : [['tls', tlsTable(tls)] as const]),
    ])
    return table.size > 0 ? [[key, table]] : []
  })
  return new Map<string, TomlValue>([
    ...(mirrors.size > 0 ? [['mirrors', new Map(byKey(mirrors).map(([key, mirror]) => [key, mirrorTable(mirror)]))] as const] : []),
    ...(configTables.length > 0 ? [['configs', new Map(configTables)] as const] : []),
  ])
}

function nodeTables(given: NodeValues): { readonly opt: Entries; readonly cri: Entries } {
  const values = completeValues(given, legacyDefaults)
  const userNamespace: Entries = ['disable_cgroup', 'disable_apparmor', 'restrict_oom_score_adj'].map((key) => [key, true])
  const cni = Object.entries({ bin_dir: values.cniBinDir, conf_dir: values.cniConfDir }).filter(([, path]) => path !== '')
  const runc = new Map([['runtimes', new Map([['runc', new Map([['runtime_type', 'io.containerd.runc.v2']])]])]])
  return {
    opt: [['opt', new Map([['path', values.containerdOpt]])]],
    cri: [
      ['stream_server_address', '127.0.0.1'],
      ['stream_server_port', '10010'],
      ['enable_selinux', values.selinux],
      ...(values.userNamespace ? userNamespace : []),
      ...(values.pauseImage === '' ? [] : [['sandbox_image', values.pauseImage] as const]),
      ...(values.flannel && cni.length > 0 ? [['cni', new Map(cni)] as const] : []),
      ['containerd', runc],
    ],
  }
}

function* notesOf({ mirrors, configs }: Registries, { flags = {} }: RenderOptions): Generator<string> {
  for (const [key, { rewrites }] of mirrors) {
    if (rewrites.size > 0) {
      yield `${entryName('mirrors', key)}: the rewrite of ${quotedPatterns(rewrites.keys())} is applied by the containerd of K3s v1.21 and later; any other containerd knows none and asks for the names as they are`
    }
  }
  const keys = [...mirrors.keys(), ...configs.keys(), ...[...mirrors.values()].flatMap(({ rewrites }) => [...rewrites.keys()])]
  for (const key of new Set(keys.filter(isUnreadableKey))) yield `${quoted(key)}: containerd 1 has no way to read such a key`
  if (flags.disableDefaultEndpoint === true) {
    yield '--disable-default-registry-endpoint has no effect: the versions of K3s that read this format always ask the registry itself last'
  }
  if (flags.embeddedRegistry === true) yield '--embedded-registry has no effect: the versions of K3s that read this format have none'
}

/**
 * The config.toml of K3s' Containerd Configuration Template as it was documented until v1.22, in version 1 of containerd's syntax and
 * without certs.d: https://github.com/containerd/cri/blob/release/1.3/docs/registry.md
 * The template wrote most strings as they were; here they are escaped, because containerd starts with none of its plugins otherwise.
 */
export function renderLegacy(registries: Registries, options: RenderOptions = {}): RenderedConfig {
  const registry = registryTable(registries)
  const node = options.full === undefined ? { opt: [], cri: [] } : nodeTables(options.full)
  const cri = new Map<string, TomlValue>([...node.cri, ...(registry.size > 0 ? [['registry', registry] as const] : [])])
  const plugins = new Map<string, TomlValue>([...node.opt, ...(cri.size > 0 ? [['cri', cri] as const] : [])])
  const text = plugins.size > 0 ? `\n${writeToml(new Map([['plugins', plugins]]), 'go-toml-1')}` : ''
  return { files: new Map([['config.toml', `${ownHeader}\n${text}`]]), notes: [...notesOf(registries, options)] }
}
