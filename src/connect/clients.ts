import { join } from 'node:path'
import type { RetryPolicy } from '../async/retry.ts'
import type { Side } from '../errors.ts'
import { HttpClient } from '../http/http-client.ts'
import type { CallOptions } from '../oci/image-source.ts'
import type { RegistriesConfigs } from '../registries-yaml/read-configs.ts'
import { createAuthorizer } from '../registry/auth/authorizer.ts'
import type { CredentialsSource } from '../registry/auth/credentials.ts'
import type * as DockerConfig from '../registry/auth/docker-config.ts'
import type { Endpoint } from '../registry/endpoint.ts'
import { Registry } from '../registry/registry.ts'
import type { RegistryEvents } from '../registry/transport.ts'
import { version } from '../version.ts'

export type { RegistryEvents }

/** How anything is reached: a registry, a host of lists, a Docker Engine. */
export interface ReachOptions {
  /** Directory of Docker's config.json. */
  readonly dockerConfig?: string | undefined
  /** Variables of the process: proxies, DOCKER_AUTH_CONFIG, SSL_CERT_FILE and SSL_CERT_DIR, and what credential helpers need. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined
  /** Milliseconds for an answer, and within which a transfer must move 1 KiB/s. */
  readonly timeout?: number | undefined
  readonly retry?: Partial<RetryPolicy> | undefined
}

/** How HTTP is spoken with every host, and where credentials are looked for. */
export interface ConnectionOptions extends ReachOptions {
  /** Path of a registries.yaml, whose `configs` give credentials and TLS. */
  readonly registries?: string | undefined
  /** Hosts, `host` or `host:port`, that registries may send us to though they are private addresses. */
  readonly storageHosts?: readonly string[] | undefined
}

/** How registries are talked to. */
export interface RegistryOptions extends ConnectionOptions {
  /** Hosts of other domains that may see a registry's credentials as its token server. */
  readonly tokenHosts?: readonly string[] | undefined
}

/** How registries are talked to that blobs are copied from or to. */
export interface TransferOptions extends RegistryOptions {
  /** Large blobs at once, per registry. */
  readonly blobJobs?: number | undefined
}

/** The connections of a run: a client for each side, and where their credentials are looked for. */
export interface Connections extends AsyncDisposable {
  /** For files of releases, with the same proxies and TLS. */
  readonly client: HttpClient
  readonly credentials: readonly CredentialsSource[]
  /** Sentences for the reader about the configuration. */
  readonly warnings: readonly string[]
  /** Requests sent so far. */
  readonly requests: () => Readonly<Record<Side, number>>
  /** Opens registries of one side that share what is known of their logins. */
  readonly opener: (side: Side, credentials: readonly CredentialsSource[], mostRefusals?: number) => (endpoint: Endpoint) => Registry
}

/** What every client of ours calls itself. */
export const userAgent: string = `k3s-mirror/${version}`

/** Reads the configuration; nothing is sent yet. Throws INVALID_CONFIG. */
export async function openConnections(
  options: TransferOptions,
  events: RegistryEvents = {},
  { signal }: CallOptions = {},
): Promise<Connections> {
  const { registries, environment, storageHosts, timeout, tokenHosts, retry, blobJobs } = options
  // The YAML parser is loaded where there is a file.
  const configs =
    registries === undefined
      ? undefined
      : await (await import('../registries-yaml/read-configs.ts')).readRegistriesConfigs(registries, { signal })
  const requests = { source: 0, destination: 0 }
  const open = (side: Side): HttpClient =>
    new HttpClient({
      settings: (origin) => ({ tls: configs?.tlsFor(origin) }),
      environment,
      storageHosts,
      timeout,
      userAgent,
      onRequest: () => requests[side]++,
    })
  const clients = { source: open('source'), destination: open('destination') }
  return {
    client: clients.source,
    credentials: credentialSources(options, configs),
    warnings: configs?.warnings ?? [],
    requests: () => ({ ...requests }),
    opener(side, credentials, mostRefusals) {
      const client = clients[side]
      const authorizer = createAuthorizer({ client, credentials, tokenHosts, mostRefusals, onWarning: events.onWarning })
      return (endpoint) => new Registry({ ...events, endpoint, side, client, authorizer, retry, streams: blobJobs })
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([clients.source.close(), clients.destination.close()])
    },
  }
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
function credentialSources(options: ConnectionOptions, configs: RegistriesConfigs | undefined): readonly CredentialsSource[] {
  const { registries = '', dockerConfig, environment } = options
  const sources: CredentialsSource[] = []
  if (configs !== undefined) sources.push({ name: registries, find: (origin) => Promise.resolve(configs.credentialsFor(origin)) })
  const variable = environment?.['DOCKER_AUTH_CONFIG'] ?? ''
  if (variable.trim() !== '') {
    sources.push(dockerCredentials('DOCKER_AUTH_CONFIG', (module) => module.parseAuthConfig(variable, { environment })))
  }
  const files = [...(dockerConfig === undefined ? [] : [join(dockerConfig, 'config.json')]), ...podmanFiles(environment)]
  for (const path of files) sources.push(dockerCredentials(path, (module) => module.readAuthFile(path, { environment })))
  return sources
}
