import { buildHostTable, withEmbeddedRegistry } from '../hosts/host-table.ts'
import type { Registries } from '../registries.ts'
import { renderRegistrySection, type ConfigVersion } from './config-toml.ts'
import { renderFullConfig } from './full-config.ts'
import { hostsPaths } from './host-paths.ts'
import { renderHostsToml } from './hosts-toml.ts'
import type { RenderedConfig, RenderOptions } from './rendered.ts'
import { unreadableToml } from './unreadable-toml.ts'

/** What K3s is to render. */
export interface K3sRenderOptions extends RenderOptions {
  readonly version: ConfigVersion
}

function toNote([path, text]: readonly [string, string], version: ConfigVersion): string[] {
  const why = unreadableToml(text, version)
  if (why === undefined) return []
  const consequence = path === 'config.toml' ? 'does not start with it' : 'passes it over, and asks the registry itself instead'
  return [`${path} is what K3s writes, but ${why}: containerd ${consequence}`]
}

/** The files that K3s writes for containerd, byte for byte. Throws INVALID_CONFIG where K3s would not start or would write outside of certs.d. */
export function renderK3s(registries: Registries, { version, flags = {}, full }: K3sRenderOptions): RenderedConfig {
  const { hosts } = buildHostTable(registries, flags)
  const { paths, notes } = hostsPaths(hosts.keys())
  const effective = flags.embeddedRegistry === true ? withEmbeddedRegistry(registries) : registries
  const config = full === undefined ? renderRegistrySection(effective, version) : renderFullConfig(effective, version, full)
  const files = new Map<string, string>()
  for (const [key, entry] of hosts) {
    const path = paths.get(key)
    if (path !== undefined) files.set(path, renderHostsToml(entry))
  }
  files.set('config.toml', config)
  return { files, notes: [...notes, ...[...files].flatMap((file) => toNote(file, version))] }
}
