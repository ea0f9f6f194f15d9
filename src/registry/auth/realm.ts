import { getDomain } from 'tldts'
import { MirrorError } from '../../errors.ts'
import { addressRefusal, isAddressLiteral, isForbiddenHost, isListed, plainName } from '../../http/address.ts'
import { isDockerHub } from '../../oci/registry-host.ts'
import { foreignText } from '../../text/printable.ts'
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

/** Domains below which every customer, or everybody, has a name, and which the public suffix list lacks. */
const sharedDomains: readonly string[] = [
  'akamai-access.com',
  'aliyuncs.com',
  'amazonaws.com',
  'amazonaws.com.cn',
  'appdomain.cloud',
  'azmk8s.io',
  'azurecontainerapps.io',
  'azurecr.cn',
  'azurecr.io',
  'azurecr.us',
  'cloudapp.azure.com',
  'github.dev',
  'gitpod.io',
  'googleusercontent.com',
  'jfrog.io',
  'linodelke.net',
  'myhuaweicloud.com',
  'nip.io',
  'openshiftapps.com',
  'oraclecloud.com',
  'ovh.net',
  'scw.cloud',
  'sslip.io',
  'tencentcloudcr.com',
  'traefik.me',
  'vultrusercontent.com',
  'your-server.de',
]

/** SourceRegistries whose provider's token server has a name of its own in such a domain, or in another one. */
const knownPairs: readonly { readonly registry: RegExp; readonly token: RegExp }[] = [
  { registry: /\.aliyuncs\.com$/, token: /^https:\/\/dockerauth(?:-[a-z]+)*\.[a-z0-9-]+\.aliyuncs\.com$/ },
]

/** `<namespace>.svc` and what follows, of a name in a Kubernetes cluster: https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/ */
const namespaceName = /^(?:[^.]+\.)+?([^.]+\.(?:svc|pod)(?:\.[^.]+)*)$/

/** The domain whose names belong to one owner: not two customers of one cloud provider, nor two namespaces of a cluster. */
function ownDomain(hostname: string): string | undefined {
  if (isAddressLiteral(hostname)) return undefined
  const name = plainName(hostname)
  if (sharedDomains.some((domain) => name.endsWith(`.${domain}`))) return name
  return namespaceName.exec(name)?.[1] ?? getDomain(name, { allowPrivateDomains: true }) ?? undefined
}

/** As by Docker, another port of the same host is trusted (docker_auth on 5001): a registry that wants a password only has to ask for Basic. */
function isTrusted(url: URL, { origin, tokenHosts }: RealmContext): boolean {
  const registry = new URL(origin)
  if (plainName(url.hostname) === plainName(registry.hostname) || isListed(url, tokenHosts)) return true
  if (isDockerHub(origin) && url.origin === 'https://auth.docker.io') return true
  if (knownPairs.some((pair) => pair.registry.test(registry.hostname) && pair.token.test(url.origin))) return true
  const domain = ownDomain(registry.hostname)
  return domain !== undefined && domain === ownDomain(url.hostname)
}

/** Checks the realm of a challenge, or the target of a token server's redirect. Throws REFUSED_ADDRESS for an unsafe one. */
export function tokenEndpoint(realm: string, context: RealmContext): TokenEndpoint {
  const registry = new URL(context.origin)
  const refuse = (why: string, hint?: string): never => {
    const shown = foreignText(realm)
      .replace(/[?#].*$/s, '')
      .replace(/\/\/[^/]*@/, '//')
      .slice(0, 200)
    throw new MirrorError(
      'REFUSED_ADDRESS',
      `${registryName(context.origin)} names the token server "${shown}": ${why}; nothing was sent to it`,
      {
        hint: hint ?? 'ask the administrator of the registry to correct the realm of its challenge',
      },
    )
  }
  if (!URL.canParse(realm, context.base.href)) return refuse('it is not a URL')
  const url = new URL(realm, context.base)
  url.hash = ''
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return refuse('it is neither https nor http')
  if (url.protocol === 'http:' && registry.protocol === 'https:') {
    return refuse('it is plain HTTP, while the registry is HTTPS', 'set X-Forwarded-Proto at the proxy in front of the registry')
  }
  if (url.username !== '' || url.password !== '') return refuse('it contains a user name')
  const refusal = addressRefusal(url, { url: registry, address: context.address }, context.tokenHosts)
  if (refusal !== undefined) {
    const mayBe = !isForbiddenHost(url.hostname)
    return refuse(`it is ${refusal}`, mayBe ? `pass options.tokenHosts ${url.host} if that host is its token server` : undefined)
  }
  return { url, trusted: isTrusted(url, context) }
}
