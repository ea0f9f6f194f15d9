import { defaultHost } from '../hosts/normalise-endpoint.ts'
import type { Registries } from '../registries.ts'
import type { ConfigVersion } from './config-toml.ts'
import { completeValues, containerdDefaults, type NodeValues } from './node-values.ts'
import { authFields, byKey, ownHeader } from './rendered.ts'
import { writeToml, type TomlTable, type TomlValue } from './write-toml.ts'

/** Where containerd's documentation and packages have hosts.toml files: https://github.com/containerd/containerd/blob/main/docs/hosts.md */
const certsDirectory = '/etc/containerd/certs.d'

function table(entries: Iterable<readonly [string, TomlValue] | undefined>): TomlTable {
  return new Map([...entries].filter((entry) => entry !== undefined))
}

function registryTable({ configs }: Registries): TomlTable {
  const byHost = new Map<string, TomlValue>()
  for (const [key, { auth }] of byKey(configs)) if (auth !== undefined) byHost.set(key, new Map([['auth', authFields(auth)]]))
  // K3s' containerd takes those of docker.io for the host that answers for it; this one looks for nothing but the host itself.
  const hub = byHost.get('docker.io')
  byHost.delete('docker.io')
  const hubHost = defaultHost('docker.io')
  if (hub !== undefined && !byHost.has(hubHost)) byHost.set(hubHost, hub)
  return table([['config_path', certsDirectory], byHost.size > 0 ? ['configs', byHost] : undefined])
}

interface NodeTables {
  readonly top: TomlTable
  readonly opt: TomlTable
  readonly images: TomlTable
  readonly runtime: TomlTable
}

function nodeTables(given: NodeValues, version: ConfigVersion): NodeTables {
  const values = completeValues(given, containerdDefaults)
  const { pauseImage, cniBinDir, cniConfDir } = values
  const userNamespace = ['disable_cgroup', 'disable_apparmor', 'restrict_oom_score_adj'].map((key) => [key, true] as const)
  const cni = table([
    cniBinDir === '' ? undefined : version === 3 ? ['bin_dirs', [cniBinDir]] : ['bin_dir', cniBinDir],
    cniConfDir === '' ? undefined : ['conf_dir', cniConfDir],
  ])
  const runc = new Map([['runc', new Map([['runtime_type', 'io.containerd.runc.v2']])]])
  return {
    top: table([
      ['root', values.root],
      ['state', values.state],
      ['grpc', new Map([['address', `${values.state}/containerd.sock`]])],
    ]),
    opt: new Map([['path', values.containerdOpt]]),
    images: table([
      pauseImage === '' ? undefined : version === 3 ? ['pinned_images', new Map([['sandbox', pauseImage]])] : ['sandbox_image', pauseImage],
    ]),
    runtime: table([
      ['enable_selinux', values.selinux],
      ...(values.userNamespace ? userNamespace : []),
      values.flannel && cni.size > 0 ? ['cni', cni] : undefined,
      ['containerd', new Map([['runtimes', runc]])],
    ]),
  }
}

/** The config.toml of a containerd without K3s' changes, which can stand alone or among its `imports`. */
export function renderContainerdConfig(registries: Registries, version: ConfigVersion, full: NodeValues | undefined): string {
  const node = full === undefined ? undefined : nodeTables(full, version)
  const images = table([...(node?.images ?? []), ['registry', registryTable(registries)]])
  const plugins = table([
    node === undefined ? undefined : ['io.containerd.internal.v1.opt', node.opt],
    version === 3 ? ['io.containerd.cri.v1.images', images] : ['io.containerd.grpc.v1.cri', table([...(node?.runtime ?? []), ...images])],
    version === 3 && node !== undefined ? ['io.containerd.cri.v1.runtime', node.runtime] : undefined,
  ])
  // The version says which names plugins have. Without it containerd takes them for those of version 1, and skips the section.
  const document = table([['version', version], ...(node?.top ?? []), ['plugins', plugins]])
  return `${ownHeader}\n${writeToml(document, version === 2 ? 'go-toml-1' : 'go-toml-2')}`
}
