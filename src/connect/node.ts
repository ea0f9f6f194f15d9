import { isAbsolute } from 'node:path'
import type { RetryPolicy } from '../async/retry.ts'
import { MirrorError } from '../errors.ts'
import { HttpClient } from '../http/http-client.ts'
import type { TlsSettings } from '../http/origin-settings.ts'
import { isRepositoryPath, type Reference } from '../oci/reference.ts'
import type { K3sFlags } from '../registries-yaml/hosts/host-table.ts'
import { readRegistries } from '../registries-yaml/read/read-registries.ts'
import type { RegistryTls } from '../registries-yaml/registries.ts'
import { describeEndpoint } from '../registries-yaml/resolve/describe-endpoint.ts'
import { createResolver, type ResolvedEndpoint, type ResolvedReference } from '../registries-yaml/resolve/resolve-reference.ts'
import { shownPath } from '../registries-yaml/shown-text.ts'
import { readTlsFiles, type TlsProblem } from '../registries-yaml/tls-files.ts'
import { createAuthorizer } from '../registry/auth/authorizer.ts'
import type { CredentialsSource } from '../registry/auth/credentials.ts'
import { Registry } from '../registry/registry.ts'
import type { RegistryEvents } from '../registry/transport.ts'
import type { K3sVersion } from '../release/version.ts'
import type { CheckedEndpoint } from '../verify/checked-endpoint.ts'
import { CheckedPlace, refusingPlace, type ReadablePlace } from '../verify/checked-place.ts'
import { HttpsFirstPlace } from '../verify/https-first-place.ts'
import { userAgent, type ConnectionOptions } from './clients.ts'

/** The node whose eyes are looked through. */
export interface NodeOptions extends K3sFlags, Pick<ConnectionOptions, 'environment' | 'storageHosts' | 'timeout'> {
  /** Path of its registries.yaml; the files that it names are read where it names them. */
  readonly registries: string
  /** Whose rules hold; default: the newest. */
  readonly version?: K3sVersion | undefined
  readonly tokenHosts?: readonly string[] | undefined
  readonly retry?: Partial<RetryPolicy> | undefined
  readonly onRequest?: (() => void) | undefined
}

/** A node's registries, as its containerd talks to them. */
export interface Node extends AsyncDisposable {
  /** Where the node looks for an image, in this order. */
  endpoints(reference: Reference): Promise<readonly CheckedEndpoint[]>
  /** Sentences about what containerd will pass over for this image. */
  warnings(reference: Reference): readonly string[]
}

/** The TLS files of an endpoint, or why containerd cannot use them. */
interface ReadTls {
  readonly settings: TlsSettings
  readonly refusal?: MirrorError
}

/** A registry that is only asked whether it would have to be asked gets no second chance, and is not waited for. */
const noRetries: Partial<RetryPolicy> = { retries: 0, maxThrottled: 0 }

/** Reads the registries.yaml; an endpoint is opened when an image first leads to it. Throws INVALID_CONFIG for a file that K3s would not start with. */
export async function openNode(
  options: NodeOptions,
  events: RegistryEvents = {},
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<Node> {
  const { registries } = await readRegistries(options.registries, { signal })
  const { disableDefaultEndpoint, embeddedRegistry, version } = options
  const resolver = createResolver(registries, { disableDefaultEndpoint, embeddedRegistry, version })
  const opened = new OpenedEndpoints(options, events, signal)
  return {
    async endpoints(reference) {
      const { endpoints } = resolver.resolve(reference)
      const { settings, refusal } = await opened.tlsOf(endpoints)
      return endpoints.map((endpoint, index) => {
        const { url, host, repository: path, rewrite, isDefault, isUpstream } = endpoint
        const why = refusal ?? unusable(endpoint, reference)
        const place = why === undefined ? opened.place(endpoint, settings[index]) : new CheckedPlace(refusingPlace(why))
        return {
          url,
          repository: { registry: host, path },
          isDefault,
          isUpstream,
          missesRewrites: rewrite.missed.length > 0,
          askedAs: describeEndpoint(endpoint),
          place,
        }
      })
    },
    warnings: (reference) => brokenHostsToml(resolver.resolve(reference)),
    [Symbol.asyncDispose]: () => opened.close(),
  }
}

function brokenHostsToml({ isBroken, hostsKey, registry }: ResolvedReference): readonly string[] {
  if (!isBroken) return []
  const key = shownPath(['mirrors', hostsKey === '_default' ? '*' : (hostsKey ?? registry)])
  return [`${key} makes a hosts.toml that is no TOML: containerd passes over it, and over every mirror in it`]
}

/** A file that containerd looks for beside the hosts.toml, in a directory that K3s empties when it starts. */
function findRelative({ caFile, certFile, keyFile }: RegistryTls): TlsProblem | undefined {
  const files: readonly (readonly [TlsProblem['field'], string])[] = [
    ['ca_file', caFile],
    ['cert_file', certFile],
    ['key_file', keyFile],
  ]
  const [field, path] = files.find(([, name]) => name !== '' && !isAbsolute(name)) ?? []
  return field && { field, why: `${path} is relative, and looked for beside the hosts.toml that K3s writes` }
}

/** What cannot be asked, though a node would try. */
function unusable({ scheme, host, repository }: ResolvedEndpoint, { path }: Reference): MirrorError | undefined {
  if (!/^https?$/.test(scheme) || !URL.canParse(`${scheme}://${host}`)) return new MirrorError('INVALID_CONFIG', 'its URL is none')
  if (isRepositoryPath(repository)) return undefined
  return new MirrorError(
    'INVALID_REWRITE',
    `the rewrite makes ${JSON.stringify(repository.slice(0, 300))} of ${path}, which is no repository name`,
  )
}

/** The endpoints that images have led to, each with its own client: credentials and certificates of one are seen by no other. */
class OpenedEndpoints {
  readonly #options: NodeOptions
  readonly #events: RegistryEvents
  readonly #signal: AbortSignal | undefined
  readonly #tls = new Map<string, Promise<ReadTls>>()
  readonly #places = new Map<string, CheckedPlace>()
  readonly #clients: HttpClient[] = []

  constructor(options: NodeOptions, events: RegistryEvents, signal: AbortSignal | undefined) {
    this.#options = options
    this.#events = events
    this.#signal = signal
  }

  /** The endpoints' TLS files, read; or why containerd cannot use one of them: it reads all files of a hosts.toml before it asks anybody. */
  async tlsOf(
    endpoints: readonly ResolvedEndpoint[],
  ): Promise<{ readonly settings: readonly TlsSettings[]; readonly refusal?: MirrorError }> {
    const read = await Promise.all(endpoints.map((endpoint) => this.#readTls(endpoint)))
    const refusal = read.find((one) => one.refusal !== undefined)?.refusal
    return { settings: read.map(({ settings }) => settings), ...(refusal !== undefined && { refusal }) }
  }

  place(endpoint: ResolvedEndpoint, tls: TlsSettings | undefined): CheckedPlace {
    const { url, namespace, isUpstream } = endpoint
    const key = JSON.stringify([url, namespace, isUpstream, endpoint.tls])
    let place = this.#places.get(key)
    if (place === undefined) {
      const retry = isUpstream ? noRetries : this.#options.retry
      place = new CheckedPlace(this.#open(endpoint, tls, retry), { retry, isFragile: isUpstream })
      this.#places.set(key, place)
    }
    return place
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()))
  }

  #readTls({ tls, tlsKey }: ResolvedEndpoint): Promise<ReadTls> {
    const [caFile = ''] = tls.ca
    const [[certFile, keyFile] = ['', '']] = tls.client
    const key = JSON.stringify([tlsKey, caFile, certFile, keyFile, tls.skipVerify])
    const known = this.#tls.get(key)
    if (known !== undefined) return known
    const fields = { caFile, certFile, keyFile, insecureSkipVerify: tls.skipVerify }
    const relative = findRelative(fields)
    const files = relative === undefined ? readTlsFiles(fields, { signal: this.#signal }) : Promise.resolve(relative)
    const reading = files.then((read): ReadTls => {
      if (!('field' in read)) return { settings: read }
      const where = shownPath(['configs', tlsKey ?? '', 'tls', read.field])
      return {
        settings: {},
        refusal: new MirrorError('INVALID_CONFIG', `containerd cannot use ${where}, and then asks nobody: ${read.why}`),
      }
    })
    this.#tls.set(key, reading)
    return reading
  }

  #open(endpoint: ResolvedEndpoint, tls: TlsSettings | undefined, retry: Partial<RetryPolicy> | undefined): ReadablePlace {
    const { environment, storageHosts, timeout, onRequest, tokenHosts } = this.#options
    const { scheme, host, apiPath, namespace } = endpoint
    const { onWarning } = this.#events
    // As in containerd, they hold for whatever the endpoint leads to: a storage it redirects to, its token server.
    const client = new HttpClient({ settings: () => ({ tls }), environment, storageHosts, timeout, userAgent, onRequest })
    this.#clients.push(client)
    const registryAt = (protocol: string): Registry => {
      const origin = new URL(`${protocol}://${host}`)
      const authorizer = createAuthorizer({
        client,
        credentials: [this.#credentials(endpoint, origin)],
        tokenHosts,
        probes: false,
        onWarning,
      })
      const at = { origin, prefix: '', apiPath, ...(namespace !== undefined && { namespace }) }
      return new Registry({ ...this.#events, endpoint: at, side: 'source', client, authorizer, retry })
    }
    return endpoint.tls.triesHttpsFirst ? new HttpsFirstPlace(registryAt('https'), registryAt('http')) : registryAt(scheme)
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
