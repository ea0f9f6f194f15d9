import { nodePaths, type K3sFlags } from '../hosts/k3s-flags.ts'
import { nonEmpty, tomlTable, type TomlTable, type TomlValue } from './write-toml.ts'

/** The values of a whole config.toml that depend on the node; default: those of the format. */
export interface NodeValues {
  /** `[plugins.opt] path` and its later names. */
  readonly containerdOpt?: string | undefined
  readonly selinux?: boolean | undefined
  /** K3s runs rootless in a user namespace, without its own cgroups. */
  readonly userNamespace?: boolean | undefined
  /** Empty to leave it out. */
  readonly pauseImage?: string | undefined
  /** False: leave out the CNI section. */
  readonly flannel?: boolean | undefined
  readonly cniBinDir?: string | undefined
  readonly cniConfDir?: string | undefined
  /** The directory of data that survives a reboot. */
  readonly root?: string | undefined
  /** The directory of data that does not, including the socket. */
  readonly state?: string | undefined
}

/** The same with all values. */
export type CompleteNodeValues = { readonly [K in keyof NodeValues]-?: NonNullable<NodeValues[K]> }

/** Values over defaults. */
export function completeValues(values: NodeValues, defaults: CompleteNodeValues): CompleteNodeValues {
  const given = Object.entries(values).filter(([, value]) => value !== undefined)
  return { ...defaults, ...(Object.fromEntries(given) as Partial<CompleteNodeValues>) }
}

const noFeatures = { selinux: false, userNamespace: false, flannel: true }

/** A node of K3s 1.36: https://github.com/k3s-io/k3s/blob/main/pkg/agent/config/config.go */
export function k3sDefaults(flags: K3sFlags = {}): CompleteNodeValues {
  const { data } = nodePaths(flags)
  return {
    ...noFeatures,
    containerdOpt: `${data}/agent/containerd`,
    pauseImage: 'rancher/mirrored-pause:3.10.2',
    cniBinDir: `${data}/data/cni`,
    cniConfDir: `${data}/agent/etc/cni/net.d`,
    root: `${data}/agent/containerd`,
    state: '/run/k3s/containerd',
  }
}

/** A node of K3s before 1.23, with its CNI plugins next to its other programs and without a default pause image. */
export const legacyDefaults: CompleteNodeValues = { ...k3sDefaults(), pauseImage: '', cniBinDir: '/var/lib/rancher/k3s/data/current/bin' }

/** What `containerd config default` prints: https://github.com/containerd/containerd/blob/v1.6.20/docs/man/containerd-config.toml.5.md */
export const containerdDefaults: CompleteNodeValues = {
  ...noFeatures,
  containerdOpt: '/opt/containerd',
  pauseImage: '',
  cniBinDir: '/opt/cni/bin',
  cniConfDir: '/etc/cni/net.d',
  root: '/var/lib/containerd',
  state: '/run/containerd',
}

/** The table about the container runtime in our own files. `binDir` is the entry for the directory of CNI plugins. */
export function runtimeTable(
  values: CompleteNodeValues,
  { binDir, sandboxImage }: { readonly binDir: readonly [key: string, value: TomlValue | undefined]; readonly sandboxImage?: string },
): TomlTable {
  const userNamespace = values.userNamespace || undefined
  return tomlTable([
    ['enable_selinux', values.selinux],
    ['disable_cgroup', userNamespace],
    ['disable_apparmor', userNamespace],
    ['restrict_oom_score_adj', userNamespace],
    ['sandbox_image', sandboxImage || undefined],
    ['cni', values.flannel ? nonEmpty(tomlTable([binDir, ['conf_dir', values.cniConfDir || undefined]])) : undefined],
    ['containerd', new Map([['runtimes', new Map([['runc', new Map([['runtime_type', 'io.containerd.runc.v2']])]])]])],
  ])
}
