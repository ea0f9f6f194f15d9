import { parse, stringify, type TomlTable, type TomlValue } from 'smol-toml'

/** Where one containerd of the tests keeps what a node keeps in fixed places. */
export interface ContainerdPlaces {
  /** An existing directory; everything below is made by containerd. */
  readonly directory: string
  /** Path of the gRPC socket. */
  readonly socket: string
  /** The certs.d that the CRI plugin reads; undefined leaves the text's own `config_path`. */
  readonly hostsDir?: string
}

interface PluginNames {
  readonly cri: string
  readonly opt: string
  /** Snapshotters that want a file system or a device of their own. */
  readonly unused: readonly string[]
}

const unused = ['aufs', 'btrfs', 'devmapper', 'zfs']
const namesV1: PluginNames = { cri: 'cri', opt: 'opt', unused }
const namesV2: PluginNames = {
  cri: 'io.containerd.grpc.v1.cri',
  opt: 'io.containerd.internal.v1.opt',
  unused: unused.map((name) => `io.containerd.snapshotter.v1.${name}`),
}

/**
 * Puts a config.toml onto ground of its own: places, ports and the snapshotter are replaced, everything else stays as it is.
 * A section without `version` gets the version that its plugin names belong to, because containerd would take it for version 1
 * and skip it: https://github.com/containerd/containerd/blob/v1.6.20/docs/PLUGINS.md#version-header
 */
export function isolateConfig(text: string, { directory, socket, hostsDir }: ContainerdPlaces): string {
  const config = parse(text)
  const plugins = table(config, 'plugins')
  const version = config['version'] ?? (Object.keys(plugins).some((name) => /^(cri|opt)$/.test(name)) ? 1 : 2)
  // containerd 1.6 takes version 3 without a word and finds no plugin that it knows
  if (version !== 1 && version !== 2) throw new Error(`config.toml: version ${JSON.stringify(version)} is not for this containerd`)
  const names = version === 1 ? namesV1 : namesV2
  config['version'] = version
  config['root'] = `${directory}/root`
  config['state'] = `${directory}/state`
  // tests must not use files of this machine
  config['imports'] = []
  config['disabled_plugins'] = [...list(config['disabled_plugins']), ...names.unused]
  table(config, 'grpc')['address'] = socket
  Object.assign(table(config, 'debug'), { level: 'debug', format: 'text' })
  table(plugins, names.opt)['path'] = `${directory}/opt`
  const cri = table(plugins, names.cri)
  // a node has one containerd, a test machine several
  cri['stream_server_port'] = '0'
  // containerd makes this directory and watches it
  table(cri, 'cni')['conf_dir'] = `${directory}/cni`
  // works on every file system, and an image of the tests is small
  table(cri, 'containerd')['snapshotter'] = 'native'
  if (hostsDir !== undefined) table(cri, 'registry')['config_path'] = hostsDir
  return stringify(config)
}

function table(parent: TomlTable, key: string): TomlTable {
  const found = parent[key] ?? (parent[key] = {})
  if (typeof found !== 'object' || Array.isArray(found) || found instanceof Date) throw new Error(`config.toml: ${key} is not a table`)
  return found
}

function list(value: TomlValue | undefined): readonly TomlValue[] {
  return Array.isArray(value) ? value : []
}
