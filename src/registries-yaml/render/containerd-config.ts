import { defaultHost } from '../hosts/normalise-endpoint.ts'
import type { Registries } from '../registries.ts'
import { completeValues, containerdDefaults, runtimeTable, type NodeValues } from './node-values.ts'
import { byKey, containerdAuth, ownHeader, type ConfigVersion } from './rendered.ts'
import { nonEmpty, tomlTable, writeToml, type TomlTable } from './write-toml.ts'

/** The usual directory of hosts.toml files: https://github.com/containerd/containerd/blob/main/docs/hosts.md */
const certsDirectory = '/etc/containerd/certs.d'

function registryTable({ configs }: Registries): TomlTable {
  const byHost = new Map<string, TomlTable>()
  for (const [key, { auth }] of byKey(configs)) if (auth !== undefined) byHost.set(key, tomlTable([['auth', containerdAuth(auth)]]))
  // Stock containerd looks up only the host of the request, while K3s' containerd also accepts the key docker.io.
  const hub = byHost.get('docker.io')
  byHost.delete('docker.io')
  const hubHost = defaultHost('docker.io')
  if (hub !== undefined && !byHost.has(hubHost)) byHost.set(hubHost, hub)
  return tomlTable([
    ['config_path', certsDirectory],
    ['configs', nonEmpty(byHost)],
  ])
}

/** The config.toml of a stock containerd, also usable as one of its `imports`. */
export function renderContainerdConfig(registries: Registries, version: ConfigVersion, full: NodeValues | undefined): string {
  const values = full && completeValues(full, containerdDefaults)
  const pause = values?.pauseImage || undefined
  const images = tomlTable([
    version === 3 ? ['pinned_images', pause && tomlTable([['sandbox', pause]])] : ['sandbox_image', pause],
    ['registry', registryTable(registries)],
  ])
  const binDir = values?.cniBinDir || undefined
  const runtime = values && runtimeTable(values, { binDir: version === 3 ? ['bin_dirs', binDir && [binDir]] : ['bin_dir', binDir] })
  const plugins = tomlTable([
    ['io.containerd.internal.v1.opt', values && tomlTable([['path', values.containerdOpt]])],
    version === 3 ? ['io.containerd.cri.v1.images', images] : ['io.containerd.grpc.v1.cri', new Map([...(runtime ?? []), ...images])],
    ['io.containerd.cri.v1.runtime', version === 3 ? runtime : undefined],
  ])
  // Without the version containerd assumes version 1, which has other plugin names, and ignores the section.
  const document = tomlTable([
    ['version', version],
    ['root', values?.root],
    ['state', values?.state],
    ['grpc', values && tomlTable([['address', `${values.state}/containerd.sock`]])],
    ['plugins', plugins],
  ])
  return `${ownHeader}\n${writeToml(document, version === 2 ? 'go-toml-1' : 'go-toml-2')}`
}
