import type { Registries } from '../registries.ts'
import { renderFullConfig, renderRegistrySection } from './config-toml.ts'
import { renderHostsToml } from './hosts-toml.ts'
import { renderHosts } from './render-hosts.ts'
import type { ConfigVersion, RenderedConfig, RenderOptions } from './rendered.ts'
import { unreadableToml } from './unreadable-toml.ts'

/** Options for the files of K3s. */
export interface K3sRenderOptions extends RenderOptions {
  readonly version: ConfigVersion
}

/** The files that K3s writes for containerd, byte for byte. Throws INVALID_CONFIG if K3s would not start or would write outside of certs.d. */
export function renderK3s(registries: Registries, { version, flags = {}, full }: K3sRenderOptions): RenderedConfig {
  const { files, notes, effective } = renderHosts(registries, flags, (entry) => renderHostsToml(entry, flags))
  files.set(
    'config.toml',
    full === undefined ? renderRegistrySection(effective, version, flags) : renderFullConfig(effective, version, full, flags),
  )
  const unreadable = [...files].flatMap(([path, text]) => {
    const why = unreadableToml(text, version)
    const effect = path === 'config.toml' ? 'does not start' : 'ignores it and pulls from the registry itself'
    return why === undefined ? [] : [`K3s writes ${path} like this, but ${why}: containerd ${effect}`]
  })
  return { files, notes: [...notes, ...unreadable] }
}
