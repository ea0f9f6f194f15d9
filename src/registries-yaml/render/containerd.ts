import { wildcardHost } from '../hosts/host-table.ts'
import type { Registries } from '../registries.ts'
import { renderContainerdConfig } from './containerd-config.ts'
import { renderContainerdHosts } from './containerd-hosts.ts'
import { renderHosts } from './render-hosts.ts'
import { entryName, type ConfigVersion, type RenderedConfig, type RenderOptions } from './rendered.ts'
import { isUnreadableKey } from './write-toml.ts'

/** Options for a stock containerd: version 2 for containerd 1, version 3 for containerd 2. */
export interface ContainerdRenderOptions extends RenderOptions {
  readonly version: ConfigVersion
}

function* configNotes({ configs }: Registries, version: ConfigVersion): Generator<string> {
  if (configs.get('docker.io')?.auth !== undefined) {
    yield configs.get('registry-1.docker.io')?.auth === undefined
      ? 'configs."docker.io": the credentials are written under registry-1.docker.io, because stock containerd looks them up only there'
      : 'configs."docker.io": the credentials are left out, because those of registry-1.docker.io take precedence'
  }
  for (const [key, { auth }] of configs) {
    if (version === 2 && auth !== undefined && isUnreadableKey(key)) yield `${entryName('configs', key)}: containerd 1 cannot read this key`
  }
}

/** The files with which a stock containerd uses the same endpoints as K3s' own; notes describe the differences. Throws INVALID_CONFIG for keys that cannot be a path. */
export function renderContainerd(registries: Registries, { version, flags = {}, full }: ContainerdRenderOptions): RenderedConfig {
  const hostNotes: string[] = []
  const { files, notes, effective } = renderHosts(registries, flags, (entry, key, { mirrors }) => {
    const rendered = renderContainerdHosts(entry, version)
    const name = key === wildcardHost && !mirrors.has(key) ? '*' : key
    const subject = entryName(mirrors.has(name) ? 'mirrors' : 'configs', name)
    hostNotes.push(...rendered.notes.map((note) => `${subject}: ${note}`))
    return rendered.text
  })
  files.set('config.toml', renderContainerdConfig(effective, version, full))
  return { files, notes: [...notes, ...hostNotes, ...configNotes(effective, version)] }
}
