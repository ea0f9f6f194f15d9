import { goQuote } from '../go/go-quote.ts'
import { generatedHeader, nodePaths, type K3sFlags } from '../hosts/k3s-flags.ts'
import type { Registries } from '../registries.ts'
import { layOut } from './lay-out.ts'
import { completeValues, k3sDefaults, type CompleteNodeValues, type NodeValues } from './node-values.ts'
import { byKey, containerdAuth, type ConfigVersion } from './rendered.ts'

const cri = '"io.containerd.grpc.v1.cri"'
const formats = {
  2: { file: 'config.toml', quote: '"', runtime: cri, images: cri },
  3: { file: 'config-v3.toml', quote: "'", runtime: "'io.containerd.cri.v1.runtime'", images: "'io.containerd.cri.v1.images'" },
} as const satisfies Record<ConfigVersion, unknown>

/** The registry section of the config.toml that K3s writes: the directory of hosts.toml files, and all credentials, sorted by key. */
export function renderRegistrySection({ configs }: Registries, version: ConfigVersion, flags: K3sFlags): string {
  const { images, quote } = formats[version]
  const sections = byKey(configs).flatMap(([key, { auth }]) => {
    if (auth === undefined) return []
    // K3s does not escape the key.
    return [
      `[plugins.${images}.registry.configs.${quote}${key}${quote}.auth]`,
      ...[...containerdAuth(auth)].map(([name, value]) => `  ${name} = ${goQuote(value)}`),
    ]
  })
  return layOut([`[plugins.${images}.registry]`, `  config_path = ${goQuote(nodePaths(flags).certs)}`, ...sections].join('\n')).trimStart()
}

function topLines({ containerdOpt, root, state }: CompleteNodeValues, version: ConfigVersion, flags: K3sFlags): string[] {
  const { file, quote } = formats[version]
  return [
    `${generatedHeader(flags)} Use ${file}.tmpl instead.`,
    `version = ${version}`,
    `imports = [${goQuote(`${nodePaths(flags).containerd}/${file}.d/*.toml`)}]`,
    `root = ${goQuote(root)}`,
    `state = ${goQuote(state)}`,
    '[grpc]',
    `  address = ${goQuote(`${state}/containerd.sock`)}`,
    `[plugins.${quote}io.containerd.internal.v1.opt${quote}]`,
    `  path = ${goQuote(containerdOpt)}`,
    `[plugins.${quote}io.containerd.grpc.v1.cri${quote}]`,
    '  stream_server_address = "127.0.0.1"',
    '  stream_server_port = "10010"',
  ]
}

function pluginLines(values: CompleteNodeValues, version: ConfigVersion): string[] {
  const { selinux, userNamespace, pauseImage, flannel, cniBinDir, cniConfDir } = values
  const { runtime, images } = formats[version]
  const security = [
    `  enable_selinux = ${selinux}`,
    '  enable_unprivileged_ports = true',
    '  enable_unprivileged_icmp = true',
    '  device_ownership_from_security_context = false',
    ...(userNamespace ? ['  disable_cgroup = true', '  disable_apparmor = true', '  restrict_oom_score_adj = true'] : []),
  ]
  const snapshotter = ['  snapshotter = "overlayfs"', '  disable_snapshot_annotations = true']
  // K3s does not escape the image.
  const pause = pauseImage === '' ? [] : [version === 3 ? `  sandbox = "${pauseImage}"` : `  sandbox_image = "${pauseImage}"`]
  const cni = [
    ...(cniBinDir === '' ? [] : [version === 3 ? `  bin_dirs = [${goQuote(cniBinDir)}]` : `  bin_dir = ${goQuote(cniBinDir)}`]),
    ...(cniConfDir === '' ? [] : [`  conf_dir = ${goQuote(cniConfDir)}`]),
  ]
  return [
    ...(version === 3
      ? [`[plugins.${runtime}]`, ...security, `[plugins.${images}]`, ...snapshotter, '  use_local_image_pull = true']
      : [...security, ...pause, `[plugins.${runtime}.containerd]`, ...snapshotter]),
    ...(version === 3 && pause.length > 0 ? [`[plugins.${images}.pinned_images]`, ...pause] : []),
    ...(flannel && cni.length > 0 ? [`[plugins.${runtime}.cni]`, ...cni] : []),
    `[plugins.${runtime}.containerd.runtimes.runc]`,
    '  runtime_type = "io.containerd.runc.v2"',
    `[plugins.${runtime}.containerd.runtimes.runc.options]`,
    // A user namespace has no systemd for cgroups.
    `  SystemdCgroup = ${!userNamespace}`,
    `[plugins.${runtime}.containerd.runtimes.runhcs-wcow-process]`,
    '  runtime_type = "io.containerd.runhcs.v1"',
  ]
}

/** The whole config.toml that K3s writes on Linux, for a node under systemd with the default runtime and snapshotter. */
export function renderFullConfig(registries: Registries, version: ConfigVersion, given: NodeValues, flags: K3sFlags): string {
  const values = completeValues(given, k3sDefaults(flags))
  const lines = [...topLines(values, version, flags), ...pluginLines(values, version)]
  return `${layOut(lines.join('\n'))}\n${renderRegistrySection(registries, version, flags)}`
}
