import { getDomain } from 'tldts'
import { MirrorError } from '../../errors.ts'
import { addressRefusal, isAddressLiteral, isForbiddenHost, isListed } from '../../http/address.ts'
import { printable } from '../../http/redact.ts'
import { isDockerHub } from '../../oci/registry-host.ts'
import { registryName } from './credentials.ts'

/** A token endpoint that may be asked. */
export interface TokenEndpoint {
  readonly url: URL
  /** Whether the registry's credentials may be shown to it. */
  readonly trusted: boolean
}

/** What a token endpoint is judged by. */
export interface RealmContext {
  /** The registry's origin. */
  readonly origin: string
  /** What the realm is relative to: the URL of the request that was challenged, or redirected. */
  readonly base: URL
  /** The registry's IP address; undefined behind a proxy. */
  readonly address?: string | undefined
  /** Further hosts, `host` or `host:port`, that may see credentials. */
  readonly tokenHosts: readonly string[]
}

function withoutDot(hostname: string): string {
  return hostname.toLowerCase().replace(/\.$/, '')
}

/** Private suffixes count: two customers of one cloud provider are not one domain. */
function registrableDomain(hostname: string): string | undefined {
  if (isAddressLiteral(hostname)) return undefined
  return getDomain(withoutDot(hostname), { allowPrivateDomains: true }) ?? undefined
}

function isTrusted(url: URL, { origin, tokenHosts }: RealmContext): boolean {
  const registry = new URL(origin)
  if (withoutDot(url.hostname) === withoutDot(registry.hostname) || isListed(url, tokenHosts)) return true
  if (isDockerHub(origin) && url.origin === 'https://auth.docker.io') return true
  const domain = registrableDomain(registry.hostname)
  return domain !== undefined && domain === registrableDomain(url.hostname)
}

/**
 * Judges the realm of a challenge, or the place that a token server redirects to. Throws REFUSED_ADDRESS for one that nobody
 * should be asked at: another scheme, plain HTTP for an HTTPS registry, an address inside our network.
 */
export function tokenEndpoint(realm: string, context: RealmContext): TokenEndpoint {
  const registry = new URL(context.origin)
  const refuse = (why: string, hint?: string): never => {
    const shown = printable(realm)
      .replace(/[?#].*$/s, '')
      .replace(/\/\/[^/]*@/, '//')
      .slice(0, 200)
    throw new MirrorError(
      'REFUSED_ADDRESS',
      `${registryName(context.origin)} names the token server "${shown}": ${why}; nothing was sent to it`,
      {
        hint: hint ?? 'Ask the administrator of the registry to correct the realm of its challenge.',
      },
    )
  }
  if (!URL.canParse(realm, context.base.href)) return refuse('it is not a URL')
  const url = new URL(realm, context.base)
  url.hash = ''
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return refuse('it is neither https nor http')
  if (url.protocol === 'http:' && registry.protocol === 'https:') {
    return refuse(
      'it is plain HTTP, while the registry is HTTPS',
      'A proxy before the registry that does not pass on X-Forwarded-Proto is the usual cause.',
    )
  }
  if (url.username !== '' || url.password !== '') return refuse('it carries a user name')
  const refusal = addressRefusal(url, { url: registry, address: context.address }, context.tokenHosts)
  if (refusal !== undefined) {
    const mayBe = !isForbiddenHost(url.hostname)
    return refuse(`it is ${refusal}`, mayBe ? `If ${url.host} is its token server, pass --token-host ${url.host}.` : undefined)
  }
  return { url, trusted: isTrusted(url, context) }
}
