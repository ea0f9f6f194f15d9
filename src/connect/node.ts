import { isAbsolute } from 'node:path'
import type { RetryPolicy } from '../async/retry.ts'
import { MirrorError } from '../errors.ts'
import { HttpClient } from '../http/http-client.ts'
import type { TlsSettings } from '../http/tls.ts'
import type { NodeSettings } from '../node/node-settings.ts'
import { refusingPlace, type ReadablePlace } from '../oci/image-destination.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { isRepositoryPath, type Reference, type Repository } from '../oci/reference.ts'
import type { K3sFlags } from '../registries-yaml/hosts/k3s-flags.ts'
import { readRegistries } from '../registries-yaml/read/read-registries.ts'
import type { RegistryTls } from '../registries-yaml/registries.ts'
import { describeEndpoint, type DescribedEndpoint } from '../registries-yaml/resolve/describe-endpoint.ts'
import { createResolver, type ResolvedEndpoint, type Resolver } from '../registries-yaml/resolve/resolve-reference.ts'
import { shownPath } from '../registries-yaml/shown-text.ts'
import { readTlsFiles, type TlsProblem } from '../registries-yaml/tls-files.ts'
import { createAuthorizer } from '../registry/auth/authorizer.ts'
import type { CredentialsSource } from '../registry/auth/credentials.ts'
import { Registry } from '../registry/registry.ts'
import type { RegistryEvents } from '../registry/transport.ts'
import type { K3sVersion } from '../release/version.ts'
import { userAgent, type RegistryOptions } from './clients.ts'
import { httpsFirst } from './https-first.ts'

/** What of a node's K3s decides where it looks. */
export interface NodeRules extends K3sFlags, Pick<NodeSettings, 'systemDefaultRegistry' | 'pauseImage'> {
  /** Whose rules hold for the node; default: the newest. */
  readonly k3sVersion?: K3sVersion | undefined
}

/** The node whose eyes are looked through. */
export interface NodeOptions extends NodeRules, RegistryOptions {
  /** Path of its registries.yaml; the files that it names are read where it names them. */
  readonly registries: string
}

/** One endpoint that a node asks for an image. */
export interface AskedEndpoint extends Pick<ResolvedEndpoint, 'url' | 'isDefault' | 'isUpstream'> {
  /** What the image's repository is called there. */
  readonly repository: Repository
  /** There are rewrites for it, and none of them changes the repository. */
  readonly missesRewrites: boolean
  readonly askedAs: DescribedEndpoint
  readonly place: ReadablePlace
}

/** The TLS files of an endpoint, or why containerd cannot use them. */
type ReadTls = TlsSettings | MirrorError

/** A registry that is only asked whether it would have to be asked gets no second chance, and is not waited for. */
const noRetries: Partial<RetryPolicy> = { retries: 0, maxThrottled: 0 }

/** A file that containerd looks for next to the hosts.toml, in a directory that K3s empties when it starts. */
function findRelative({ caFile, certFile, keyFile }: RegistryTls): TlsProblem | undefined {
  const files = [['ca_file', caFile] as const, ['cert_file', certFile] as const, ['key_file', keyFile] as const]
  const [field, path] = files.find(([, name]) => name !== '' && !isAbsolute(name)) ?? []
  return field && { field, why: `${path} is relative to the directory of the hosts.toml that K3s writes` }
}

/** What cannot be asked, though a node would try. */
function unusable({ scheme, host, repository }: ResolvedEndpoint, { path }: Reference): MirrorError | undefined {
  if (!/^https?$/.test(scheme) || !URL.canParse(`${scheme}://${host}`))
    return new MirrorError('INVALID_CONFIG', 'the endpoint URL is invalid')
  if (isRepositoryPath(repository)) return undefined
  const name = JSON.stringify(repository.slice(0, 300))
  return new MirrorError('INVALID_REWRITE', `the rewrite turns ${path} into ${name}, which is not a valid repository name`)
}

/** A node's registries, as its containerd talks to them: each has a client of its own, so that no other sees its credentials and certificates. */
export class Node implements AsyncDisposable {
  readonly #resolver: Resolver
  readonly #options: NodeOptions
  readonly #events: RegistryEvents
  readonly #signal: AbortSignal | undefined
  readonly #tls = new Map<string, Promise<ReadTls>>()
  readonly #places = new Map<string, ReadablePlace>()
  readonly #clients: HttpClient[] = []
  #requests = 0

  private constructor(resolver: Resolver, options: NodeOptions, events: RegistryEvents, signal: AbortSignal | undefined) {
    this.#resolver = resolver
    this.#options = options
    this.#events = events
    this.#signal = signal
  }

  /** Reads the registries.yaml. Throws INVALID_CONFIG for a file that K3s would not start with. */
  static async open(options: NodeOptions, events: RegistryEvents = {}, { signal }: CallOptions = {}): Promise<Node> {
    const { registries } = await readRegistries(options.registries, { signal })
    return new Node(createResolver(registries, { ...options, version: options.k3sVersion }), options, events, signal)
  }

  /** Requests sent so far. */
  get requests(): number {
    return this.#requests
  }

  /** Where the node looks for an image, in this order. The own registry of a private image is not an upstream. */
  async endpoints(reference: Reference, isPrivate: boolean): Promise<readonly AskedEndpoint[]> {
    const resolved = this.#resolver.resolve(reference).endpoints
    const endpoints = isPrivate ? resolved.map((endpoint) => ({ ...endpoint, isUpstream: false })) : resolved
    // It reads all files of a hosts.toml before it asks anybody.
    const read = await Promise.all(endpoints.map((endpoint) => this.#readTls(endpoint)))
    const refusal = read.find((tls) => tls instanceof MirrorError)
    const settings = read.flatMap((tls) => (tls instanceof MirrorError ? [] : [tls]))
    return endpoints.map((endpoint, index) => {
      const { url, host, repository: path, rewrite, isDefault, isUpstream } = endpoint
      const why = refusal ?? unusable(endpoint, reference)
      return {
        url,
        repository: { registry: host, path },
        isDefault,
        isUpstream,
        missesRewrites: rewrite.missed.length > 0,
        askedAs: describeEndpoint(endpoint),
        place: why === undefined ? this.#place(endpoint, settings[index]) : refusingPlace(why),
      }
    })
  }

  /** Warnings about what containerd ignores for this image. */
  warnings(reference: Reference): readonly string[] {
    const { isBroken, hostsKey, registry } = this.#resolver.resolve(reference)
    if (!isBroken) return []
    const key = shownPath(['mirrors', hostsKey === '_default' ? '*' : (hostsKey ?? registry)])
    return [`${key} produces an invalid hosts.toml, which containerd ignores with every mirror in it`]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()))
  }

  #place(endpoint: ResolvedEndpoint, tls: TlsSettings | undefined): ReadablePlace {
    const { url, namespace, isUpstream } = endpoint
    const key = JSON.stringify([url, namespace, isUpstream, endpoint.tls])
    const place = this.#places.get(key) ?? this.#open(endpoint, tls)
    this.#places.set(key, place)
    return place
  }

  /** The endpoint's TLS files, or why containerd cannot use one of them. */
  #readTls({ tls, tlsKey }: ResolvedEndpoint): Promise<ReadTls> {
    const [caFile = ''] = tls.ca
    const [[certFile, keyFile] = ['', '']] = tls.client
    const key = JSON.stringify([tlsKey, caFile, certFile, keyFile, tls.skipVerify])
    const read = async (): Promise<ReadTls> => {
      const fields = { caFile, certFile, keyFile, insecureSkipVerify: tls.skipVerify }
      const files = findRelative(fields) ?? (await readTlsFiles(fields, { signal: this.#signal }))
      if (!('field' in files)) return files
      const where = shownPath(['configs', tlsKey ?? '', 'tls', files.field])
      const why = `containerd cannot use ${where}, so it sends no requests: ${files.why}`
      return new MirrorError('INVALID_CONFIG', why)
    }
    const reading = this.#tls.get(key) ?? read()
    this.#tls.set(key, reading)
    return reading
  }

  #open(endpoint: ResolvedEndpoint, tls: TlsSettings | undefined): ReadablePlace {
    const { environment, storageHosts, timeout, tokenHosts } = this.#options
    const { scheme, host, apiPath, namespace, isUpstream } = endpoint
    const { onWarning } = this.#events
    const onRequest = (): void => void this.#requests++
    // As in containerd, they hold for whatever the endpoint leads to: a storage it redirects to, its token server.
    const client = new HttpClient({ settings: () => ({ tls }), environment, storageHosts, timeout, userAgent, onRequest })
    this.#clients.push(client)
    const registryAt = (protocol: string): Registry => {
      const origin = new URL(`${protocol}://${host}`)
      const credentials = [this.#credentials(endpoint, origin)]
      const authorizer = createAuthorizer({ client, credentials, tokenHosts, probes: false, onWarning })
      const at = { origin, prefix: '', apiPath, ...(namespace !== undefined && { namespace }) }
      const retry = isUpstream ? noRetries : this.#options.retry
      return new Registry({ ...this.#events, endpoint: at, side: 'source', client, authorizer, retry })
    }
    return endpoint.tls.triesHttpsFirst ? httpsFirst(registryAt('https'), registryAt('http')) : registryAt(scheme)
  }

  /** A node has no other place for credentials than its registries.yaml. */
  #credentials({ host, credentials: { key, credentials, isInvalid } }: ResolvedEndpoint, { origin }: URL): CredentialsSource {
    const where = shownPath(['configs', key ?? host, 'auth'])
    return {
      name: `${where} of ${this.#options.registries}`,
      find: async (asked) => {
        if (asked !== origin) return undefined
        if (isInvalid) throw new MirrorError('INVALID_CONFIG', `${where}.auth is not the base64 of user:password`)
        return credentials
      },
    }
  }
}
