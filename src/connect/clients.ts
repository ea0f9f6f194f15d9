import { join } from 'node:path'
import { MirrorError } from '../errors.ts'
import { HttpClient } from '../http/http-client.ts'
import { isRegistry } from '../oci/reference.ts'
import type { RegistriesConfigs } from '../registries-yaml/read-configs.ts'
import { credentialsForOrigin, type CredentialsSource } from '../registry/auth/credentials.ts'
import type * as DockerConfig from '../registry/auth/docker-config.ts'
import { parseEndpoint, type Endpoint } from '../registry/endpoint.ts'
import { version } from '../version.ts'

/** How HTTP is spoken with every host, and where credentials are looked for. */
export interface ConnectionOptions {
  /** Path of a registries.yaml, whose `configs` give credentials and TLS. */
  readonly registries?: string | undefined
  /** Directory of Docker's config.json. */
  readonly dockerConfig?: string | undefined
  /** Variables of the process: proxies, DOCKER_AUTH_CONFIG, SSL_CERT_FILE and SSL_CERT_DIR, and what credential helpers need. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined
  /** Hosts, `host` or `host:port`, that registries may send us to though they are private addresses. */
  readonly storageHosts?: readonly string[] | undefined
  /** Milliseconds for an answer, and within which a transfer must move 1 KiB/s. */
  readonly timeout?: number | undefined
}

/** What every client of ours calls itself. */
export const userAgent: string = `k3s-mirror/${version}`

/** Reads the `configs` of the registries.yaml, where one is given. Throws INVALID_CONFIG. */
export async function readConfigs(
  { registries }: ConnectionOptions,
  signal: AbortSignal | undefined,
): Promise<RegistriesConfigs | undefined> {
  if (registries === undefined) return undefined
  const { readRegistriesConfigs } = await import('../registries-yaml/read-configs.ts')
  return readRegistriesConfigs(registries, { signal })
}

/** A client with the TLS settings of the configs. */
export function openClientWith(
  { environment, storageHosts, timeout }: ConnectionOptions,
  configs: RegistriesConfigs | undefined,
  onRequest?: () => void,
): HttpClient {
  return new HttpClient({
    settings: (origin) => ({ tls: configs?.tlsFor(origin) }),
    environment,
    storageHosts,
    timeout,
    userAgent,
    onRequest,
  })
}

/** Docker's configuration is read when a registry asks for credentials: one that cannot be read hinders no run that needs none. */
function dockerCredentials(
  name: string,
  read: (module: typeof DockerConfig) => CredentialsSource | Promise<CredentialsSource>,
): CredentialsSource {
  let config: Promise<CredentialsSource> | undefined
  return {
    name,
    async find(origin, options) {
      config ??= import('../registry/auth/docker-config.ts').then(read)
      return (await config).find(origin, options)
    },
  }
}

/** Where podman, skopeo and buildah keep logins: https://github.com/containers/image/blob/v5.36.0/docs/containers-auth.json.5.md */
function podmanFiles(environment: ConnectionOptions['environment'] = {}): readonly string[] {
  const { REGISTRY_AUTH_FILE: file, XDG_RUNTIME_DIR: runtime, XDG_CONFIG_HOME: config, HOME: home } = environment
  if (file) return [file]
  const directories = [runtime, config ?? (home && join(home, '.config'))]
  return directories.flatMap((directory) => (directory ? [join(directory, 'containers', 'auth.json')] : []))
}

/** Where credentials are looked for, in this order: the configs, DOCKER_AUTH_CONFIG, Docker's configuration, podman's. */
export function credentialSources(options: ConnectionOptions, configs: RegistriesConfigs | undefined): readonly CredentialsSource[] {
  const { registries = '', dockerConfig, environment } = options
  const variable = environment?.['DOCKER_AUTH_CONFIG'] ?? ''
  return [
    ...(configs === undefined
      ? []
      : [{ name: registries, find: (origin: string) => Promise.resolve(configs.credentialsFor(origin)) } satisfies CredentialsSource]),
    ...(variable.trim() === ''
      ? []
      : [dockerCredentials('DOCKER_AUTH_CONFIG', (module) => module.parseAuthConfig(variable, { environment }))]),
    ...(dockerConfig === undefined
      ? []
      : [dockerCredentials(join(dockerConfig, 'config.json'), (module) => module.readDockerConfig(dockerConfig, { environment }))]),
    ...podmanFiles(environment).map((path) => dockerCredentials(path, (module) => module.readAuthFile(path, { environment }))),
  ]
}

/** The destination's own credentials, which are looked at after those of the files. */
export function destinationSources(
  { origin }: Endpoint,
  own: { readonly username: string; readonly password: string } | undefined,
): readonly CredentialsSource[] {
  if (own === undefined) return []
  return [credentialsForOrigin('K3S_MIRROR_USERNAME and K3S_MIRROR_PASSWORD', origin.origin, { kind: 'basic', ...own })]
}

/** The directory of a destination `oci:<directory>`; undefined for a registry. Throws USAGE where none is named. */
export function layoutDirectory(to: string): string | undefined {
  if (to === 'oci' || to === 'oci:') throw new MirrorError('USAGE', '"oci:" names no directory', { hint: 'Write oci:<directory>.' })
  return to.startsWith('oci:') ? to.slice(4) : undefined
}

/** The endpoints of `--from`, by registry name, `*` for every registry. Throws USAGE. */
export function parseSources(from: Readonly<Record<string, string>>): ReadonlyMap<string, Endpoint> {
  return new Map(
    Object.entries(from).map(([registry, endpoint]) => {
      if (registry !== '*' && !isRegistry(registry)) {
        throw new MirrorError('USAGE', `"${registry}" is not the name of a registry`, {
          hint: 'Write --from docker.io=https://mirror.example.com, or *=… for every registry.',
        })
      }
      return [registry === 'index.docker.io' ? 'docker.io' : registry, parseEndpoint(endpoint)]
    }),
  )
}
