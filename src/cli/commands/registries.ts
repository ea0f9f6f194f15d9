import { defaultRegistriesFile } from '../../registries-yaml/registries.ts'
import { k3sServer, k3sVersion, registriesFile, type K3sOptionFlags } from '../options/k3s.ts'
import { option, type CommandDefinition } from '../options/option.ts'
import { output, type OutputFlags } from '../options/output.ts'
import { references, selection, type SelectionFlags } from '../options/selection.ts'
import { collect } from '../options/values.ts'

/** `k3s-mirror registries`. */
export const registries: CommandDefinition = {
  description: 'lint, resolve, render or generate registries.yaml',
  options: [],
  examples: [
    'registries lint /etc/rancher/k3s/registries.yaml',
    'registries generate --release stable --to registry.example.com',
  ],
}

/** What commander makes of the options of `registries lint`. */
export interface LintFlags extends K3sOptionFlags, OutputFlags {
  readonly files: boolean
}

/** `k3s-mirror registries lint`. */
export const registriesLint: CommandDefinition = {
  description: 'say what nodes will not do as the file seems to say, and how to write it; exits with 4 when a finding is an error',
  arguments: [['[file]', 'a registries.yaml; - is standard input', defaultRegistriesFile]],
  options: [
    option('--no-files', 'the file is for another machine: do not look at the certificates and keys that it names'),
    ...k3sServer,
    ...k3sVersion,
    ...output,
  ],
  examples: ['registries lint registries.yaml --k3s-version v1.37.1+k3s1'],
}

/** What commander makes of the options of `registries resolve`. */
export interface ResolveFlags extends K3sOptionFlags, OutputFlags {
  readonly registries: string
}

/** `k3s-mirror registries resolve`. */
export const registriesResolve: CommandDefinition = {
  description: 'the endpoints that a node asks for an image, in order, with credentials and TLS, and why',
  arguments: [['<reference...>', 'images as pods name them']],
  options: [...registriesFile, ...k3sServer, ...k3sVersion, ...output],
  examples: ['registries resolve rancher/klipper-lb:v0.4.17 --registries registries.yaml'],
}

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
  examples: ['registries render --registries registries.yaml --out rendered'],
}

/** What commander makes of the options that decide what nodes are told; names at the destination are made as `mirror` makes them with the same ones. */
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
export interface GenerateFlags extends NodeFlags, SelectionFlags, OutputFlags {
  readonly out?: string
  readonly force?: boolean
}

/** `k3s-mirror registries generate`. */
export const registriesGenerate: CommandDefinition = {
  description: 'a registries.yaml with which nodes find the images at the destination',
  arguments: [references],
  options: [
    option('--to <destination>', '[http://|https://]<host>[:port][/prefix], as given to mirror; required').makeOptionMandatory(),
    ...selection,
    option('--rewrite <regex=replacement>', 'as given to mirror; repeatable', collect),
    option('--flatten', 'as given to mirror'),
    option('--wildcard', 'one mirror for every registry, those of other images too'),
    option('--ca-file <path>', "where the CA of the destination's certificate lies on nodes"),
    option('--cert-file <path>', 'where the client certificate of nodes lies on them'),
    option('--key-file <path>', 'where its key lies on nodes'),
    option('--username <name>', 'the account that nodes pull with; its password is left to be filled in'),
    option('--registries <file>', 'a registries.yaml that is in use here, whose configs tell TLS and credentials of the destination'),
    option('--out <file>', 'write it to this file, with the credentials of --registries, in place of standard output'),
    option('--force', 'write over a file that is there'),
    ...output,
  ],
  examples: ['registries generate --release stable --to registry.example.com --out nodes.yaml'],
}
