import { k3sServer, registriesFile, type K3sOptionFlags } from '../../options/k3s.ts'
import { option, type CommandDefinition } from '../../options/option.ts'
import { output, type OutputFlags } from '../../options/output.ts'

/** What commander makes of the options of `registries render`. */
export interface RenderFlags extends K3sOptionFlags, OutputFlags {
  readonly registries: string
  readonly out: string
  readonly force?: boolean
  readonly format: 'k3s' | 'containerd' | 'legacy'
  readonly configVersion?: '2' | '3'
  readonly full?: boolean
  readonly containerdOpt?: string
  readonly selinux?: boolean
  readonly userns?: boolean
  readonly pauseImage?: string
  readonly flannel: boolean
  readonly cniBinDir?: string
  readonly cniConfDir?: string
  readonly root?: string
  readonly state?: string
}

/** `k3s-mirror registries render`. */
export const registriesRender: CommandDefinition = {
  description: 'write what K3s makes of a registries.yaml: certs.d and the registry section of config.toml, byte for byte',
  options: [
    option('--out <dir>', 'where to write; made where it is missing').makeOptionMandatory(),
    ...registriesFile,
    option('--force', 'write over a config.toml and a hosts.toml that neither K3s nor this command has made'),
    option('--format <format>', 'for K3s, for a containerd without its changes, or config.toml of version 1 as K3s had it before certs.d')
      .choices(['k3s', 'containerd', 'legacy'])
      .default('k3s'),
    option('--config-version <n>', 'of config.toml: 3 for containerd 2 (default), 2 for containerd 1').choices(['2', '3']),
    ...k3sServer,
    option('--full', 'the whole config.toml, with the options below; they have the defaults of the format'),
    option('--containerd-opt <dir>', 'path of the opt plugin'),
    option('--selinux', 'enable SELinux'),
    option('--userns', 'the node runs in a user namespace, without root'),
    option('--pause-image <image>', 'the image of sandboxes; empty for none'),
    option('--no-flannel', 'no section about CNI'),
    option('--cni-bin-dir <dir>', 'where CNI plugins are'),
    option('--cni-conf-dir <dir>', 'where CNI configuration is'),
    option('--root <dir>', 'where containerd keeps its data'),
    option('--state <dir>', 'where containerd keeps its state and its socket'),
    ...output,
  ],
}
