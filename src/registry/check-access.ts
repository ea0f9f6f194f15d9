import { isTransient } from '../async/retry.ts'
import { isMirrorError, MirrorError } from '../errors.ts'
import type { CallOptions } from '../oci/image-source.ts'
import type { Repository } from '../oci/reference.ts'
import { isWebPage } from './ask-by-head.ts'
import { registryAnswer } from './registry-error.ts'
import type { RegistryTransport } from './transport.ts'

/** The failure of `/v2/` as one of the registry as a whole; undefined where the next request may do better. */
function refusalOf(error: unknown, transport: RegistryTransport): MirrorError | undefined {
  if (!isMirrorError(error)) throw error
  const { host, origin } = transport.endpoint.origin
  const isOutOfReach = error.code === 'UNREACHABLE' || error.retryAfter === Infinity
  if (isTransient(error) && !isOutOfReach) return undefined
  const answer = registryAnswer(error)
  if (answer === undefined || error.code === 'UNAUTHORIZED')
    return error.hint === undefined ? error.with({ hint: addressHint(transport) }) : error
  const returned = error.reason?.replace(`${host} answered`, 'GET /v2/ returned')
  const isDenied = error.code === 'DENIED'
  return error.with({
    message: `${origin} ${isDenied ? 'denies access' : 'is not a registry'}: ${returned}`,
    hint: isDenied ? `check the credentials for ${host}, and whether a firewall or proxy blocks it` : addressHint(transport),
    subject: undefined,
    reason: undefined,
  })
}

function addressHint({ proxyName }: RegistryTransport): string {
  const way = proxyName === undefined ? '' : `; requests go through ${proxyName}`
  return `check the host, the port and the scheme (http:// or https://)${way}`
}

/** What `/v2/` answered, by transport. */
const verdicts = new WeakMap<RegistryTransport, Promise<void>>()

/** Asks `/v2/` where no other answer has settled it. */
async function askForAccess(transport: RegistryTransport, { path }: Repository, { signal }: CallOptions = {}): Promise<void> {
  const { origin, apiPath = '/v2' } = transport.endpoint
  const url = new URL(`${apiPath}/`, origin)
  try {
    // Credentials may be for one namespace; the slash keeps this refusal apart from that of the repository.
    const request = {
      method: 'GET',
      url,
      what: ['access', origin.origin],
      repository: `${path}/`,
      isUnscoped: true,
      expect: [200],
      signal,
    } as const
    const { headers } = await transport.send(request)
    if (!isWebPage(headers)) return
    throw new MirrorError('PROTOCOL', `${origin.origin} is not a registry: GET /v2/ returned a web page`, { hint: addressHint(transport) })
  } catch (error) {
    if (signal?.aborted) throw error
    const refusal = refusalOf(error, transport)
    // Other requests may have succeeded in the meantime.
    if (refusal !== undefined && !transport.hasProvedAccess) throw refusal
  }
}

/**
 * Asks `/v2/`, once for each transport, whether the registry can be used at all; `repository` is one whose credentials are right: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#determining-support
 * Resolves where an answer has proved that, because some proxies block `/v2/` only. Throws the failure of the registry as a whole.
 */
export async function checkAccess(transport: RegistryTransport, repository: Repository, options?: CallOptions): Promise<void> {
  if (transport.hasProvedAccess) return
  const verdict = verdicts.get(transport) ?? transport.sided(() => askForAccess(transport, repository, options))
  verdicts.set(transport, verdict)
  await verdict
}
