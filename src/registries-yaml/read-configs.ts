import { platform } from 'node:os'
import { MirrorError } from '../errors.ts'
import type { TlsSettings } from '../http/tls.ts'
import { registryHostKeys } from '../oci/registry-host.ts'
import type { Path } from './read/decode-yaml.ts'
import type { ParsedRegistries } from './read/parse-registries.ts'
import { formatPosition, readRegistries } from './read/read-registries.ts'
import { readAuth, type RegistryCredentials } from './resolve/resolve-credentials.ts'
import { shownPath } from './shown-text.ts'
import { readTlsFiles } from './tls-files.ts'

/** The `configs` of a registries.yaml by origin, `https://host:port` without the default port. The key `*` applies to no host. */
export interface RegistriesConfigs {
  credentialsFor(origin: string): RegistryCredentials | undefined
  tlsFor(origin: string): TlsSettings | undefined
  /** Warnings for the user. */
  readonly warnings: readonly string[]
}

function refuse(parsed: ParsedRegistries, at: Path, why: string): never {
  throw new MirrorError('INVALID_CONFIG', `${formatPosition(parsed.path, parsed.positionOf(at))}: ${shownPath(at)}: ${why}`, {
    hint: 'correct the file and check it with k3s-mirror registries lint: https://docs.k3s.io/installation/private-registry',
  })
}

/** Reads the `configs` of a registries.yaml and their PEM files, for our own connections. Throws INVALID_CONFIG with a position, and without values of the file. */
export async function readRegistriesConfigs(
  path: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<RegistriesConfigs> {
  const parsed = await readRegistries(path, options)
  const configs = new Map<string, { readonly credentials: RegistryCredentials | undefined; readonly tls: TlsSettings | undefined }>()
  for (const [key, { auth, tls }] of parsed.registries.configs) {
    const credentials = auth && readAuth(auth)
    if (credentials === 'invalid') refuse(parsed, ['configs', key, 'auth', 'auth'], 'not the base64 of username:password')
    const read = tls && (await readTlsFiles(tls, options))
    if (read !== undefined && 'field' in read) refuse(parsed, ['configs', key, 'tls', read.field], read.why)
    configs.set(key.toLowerCase(), { credentials, tls: read })
  }
  const find = (origin: string): ReturnType<typeof configs.get> => {
    const key = registryHostKeys(origin).find((candidate) => configs.has(candidate))
    return key === undefined ? undefined : configs.get(key)
  }
  const secrets = [...configs.values()].some(({ credentials }) => credentials !== undefined)
  const isWorldReadable = platform() !== 'win32' && (parsed.mode & 0o004) !== 0
  return {
    credentialsFor: (origin) => find(origin)?.credentials,
    tlsFor: (origin) => find(origin)?.tls,
    warnings: secrets && isWorldReadable ? [`every user can read the credentials in ${path}: run chmod 600 ${path}`] : [],
  }
}
