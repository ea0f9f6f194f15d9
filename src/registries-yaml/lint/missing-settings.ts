import { tlsFields, type RegistryConfig } from '../registries.ts'
import { readAuth } from '../resolve/resolve-credentials.ts'

/** True for an `auth` that containerd sends, or fails with. */
export function hasCredentials({ auth }: RegistryConfig): boolean {
  return auth !== undefined && readAuth(auth) !== undefined
}

/** What nodes do without the settings that are written under another key: `nodes pull anonymously, and trust only the system's CAs`. Empty if nothing changes. */
export function effectWithout(config: RegistryConfig, url: string): string {
  const fields = url.startsWith('http://') || config.tls === undefined ? [] : tlsFields(config.tls).map(([name]) => name)
  const effects = [
    ...(hasCredentials(config) ? ['pull anonymously (401 if it requires a login)'] : []),
    ...(fields.includes('ca_file') ? ["trust only the system's CAs"] : []),
    ...(fields.includes('cert_file') || fields.includes('key_file') ? ['send no client certificate'] : []),
    ...(fields.includes('insecure_skip_verify') ? ['verify its certificate'] : []),
  ]
  return effects.length === 0 ? '' : `nodes ${effects.join(' and ')}`
}
