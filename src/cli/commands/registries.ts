import { defaultRegistriesFile } from '../../registries-yaml/registries.ts'
import { k3sServer, k3sVersion, nodeNames, registriesFile, type K3sOptionFlags } from '../options/k3s.ts'
import { option, type CommandDefinition } from '../options/option.ts'
import { output, type OutputFlags } from '../options/output.ts'
import { references, selection, type SelectionFlags } from '../options/selection.ts'
import { collect } from '../options/values.ts'

/** `k3s-mirror registries`. */
export const registries: CommandDefinition = {
  description: 'lint, resolve, render or generate registries.yaml',
  options: [],
  examples: ['registries lint /etc/rancher/k3s/registries.yaml', 'registries generate --release stable --to registry.example.com'],
}

/** What commander makes of the options of `registries lint`. */
export interface LintFlags extends K3sOptionFlags, OutputFlags {
  readonly files: boolean
}

/** `k3s-mirror registries lint`. */
export const registriesLint: CommandDefinition = {
  description: 'report settings that K3s ignores or misreads',
  arguments: [['[file]', `a registries.yaml; - reads standard input (default: ${defaultRegistriesFile}, or that of --node-config)`]],
  options: [option('--no-files', 'do not check the certificate and key files'), ...k3sServer, ...k3sVersion, ...output],
  sections: [['Exit codes', '0 no errors, 4 a finding is an error, 2 invalid input']],
  examples: ['registries lint registries.yaml --k3s-version v1.37.1+k3s1'],
}

/** What commander makes of the options of `registries resolve`. */
export interface ResolveFlags extends SelectionFlags, K3sOptionFlags, OutputFlags {
  readonly registries?: string
}

/** `k3s-mirror registries resolve`. */
export const registriesResolve: CommandDefinition = {
  description: 'show the endpoints that a node asks for an image, in order',
  arguments: [references],
  options: [...selection, ...registriesFile, ...k3sServer, ...k3sVersion, ...output],
  examples: ['registries resolve rancher/pause:3.6 --registries nodes.yaml'],
}

/** What commander makes of the options of `registries render`. */
export interface RenderFlags extends K3sOptionFlags, OutputFlags {
  readonly registries?: string
  readonly out: string
  readonly force?: boolean
  readonly format: 'k3s' | 'containerd' | 'legacy'
  readonly configVersion?: '2' | '3'
  readonly full?: boolean
  readonly containerdOpt?: string
  readonly selinux?: boolean
  readonly userns?: boolean
  readonly flannel: boolean
  readonly cniBinDir?: string
  readonly cniConfDir?: string
  readonly root?: string
  readonly state?: string
}

/** `k3s-mirror registries render`. */
export const registriesRender: CommandDefinition = {
  description: 'write the containerd files that K3s generates from the file',
  options: [
    option('--out <dir>', 'output directory, created if missing').makeOptionMandatory(),
    ...registriesFile,
    option('--force', 'overwrite files that were not generated'),
    option('--format <format>', 'for K3s, for stock containerd, or for K3s before certs.d')
      .choices(['k3s', 'containerd', 'legacy'])
      .default('k3s'),
    option('--config-version <n>', 'of config.toml: 3 for containerd 2, 2 for containerd 1').choices(['2', '3']).default(undefined, '3'),
    ...k3sServer,
    option('--full', 'write the whole config.toml, with the options below'),
    option('--containerd-opt <dir>', 'path of the opt plugin'),
    option('--selinux', 'enable SELinux'),
    option('--userns', 'the node runs rootless, in a user namespace'),
    option('--no-flannel', 'leave out the CNI section'),
    option('--cni-bin-dir <dir>', 'directory of the CNI plugins'),
    option('--cni-conf-dir <dir>', 'directory of the CNI configuration'),
    option('--root <dir>', 'data directory of containerd'),
    option('--state <dir>', 'directory of the state and socket of containerd'),
    ...output,
  ],
  examples: ['registries render --registries registries.yaml --out rendered'],
}

/** Commander's values for the options that decide what nodes pull; `mirror` names images at the destination by the same ones. */
export interface NodeFlags {
  readonly to: string
  readonly registries?: string
  readonly rewrite?: readonly string[]
  readonly flatten?: boolean
  readonly wildcard?: boolean
  readonly caFile?: string
  readonly certFile?: string
  readonly keyFile?: string
  readonly username?: string
}

/** What commander makes of the options of `registries generate`. */
export interface GenerateFlags extends NodeFlags, SelectionFlags, K3sOptionFlags, OutputFlags {
  readonly passwordStdin?: boolean
  readonly out?: string
  readonly force?: boolean
}

/** `k3s-mirror registries generate`. */
export const registriesGenerate: CommandDefinition = {
  description: 'generate the registries.yaml that nodes need',
  arguments: [references],
  options: [
    option('--to <destination>', '[http[s]://]host[:port][/prefix], as for mirror').makeOptionMandatory(),
    ...selection,
    option('--rewrite <regex=text>', 'as for mirror', collect),
    option('--flatten', 'as for mirror'),
    option('--wildcard', 'one mirror for every registry, also for other images'),
    option('--ca-file <path>', 'path of the CA certificate on the nodes'),
    option('--cert-file <path>', 'path of the client certificate on the nodes'),
    option('--key-file <path>', 'path of its key on the nodes'),
    option('--username <name>', 'account that nodes pull with'),
    option('--password-stdin', 'read the password of --username from standard input'),
    option('--registries <file>', 'copy TLS and credentials of the destination from this file'),
    ...nodeNames,
    ...k3sVersion,
    option('--out <file>', 'write to this file (mode 0600) instead of standard output'),
    option('--force', 'overwrite an existing file'),
    ...output,
  ],
  sections: [
    [
      'Password',
      '--password-stdin, or K3S_MIRROR_NODE_PASSWORD. Without one the file has a placeholder, which lint reports. Credentials from --registries are only written to --out.',
    ],
  ],
  examples: ['registries generate --release stable --to registry.example.com'],
}
