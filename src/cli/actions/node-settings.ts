import { mergeSettings, withEmbeddedAddress, type NodeSettings } from '../../node/node-settings.ts'
import type { CliProcess } from '../cli-process.ts'
import type { K3sOptionFlags } from '../options/k3s.ts'

/** The settings of the nodes: options over those in `--node-config`. Throws INVALID_CONFIG. */
export async function nodeSettings(flags: K3sOptionFlags, { signal, warn }: CliProcess): Promise<NodeSettings> {
  const { nodeConfig, disableDefaultRegistryEndpoint, embeddedRegistry, systemDefaultRegistry, airgapExtraRegistry } = flags
  const options: NodeSettings = {
    disableDefaultEndpoint: disableDefaultRegistryEndpoint,
    embeddedRegistry,
    systemDefaultRegistry,
    airgapExtraRegistries: airgapExtraRegistry,
    pauseImage: flags.pauseImage,
    dataDir: flags.dataDir,
    httpsListenPort: flags.httpsListenPort,
    supervisorPort: flags.supervisorPort,
    serviceCidrs: flags.serviceCidr,
    version: flags.k3sVersion,
    product: flags.rke2 === true ? 'rke2' : undefined,
  }
  if (nodeConfig === undefined) return withEmbeddedAddress(options)
  const { readNodeConfig } = await import('../../node/read-node-config.ts')
  const { settings, warnings } = await readNodeConfig(nodeConfig, { signal })
  for (const warning of warnings) warn(warning)
  return withEmbeddedAddress(mergeSettings(settings, options))
}
