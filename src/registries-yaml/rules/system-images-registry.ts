import { wildcardHost } from '../hosts/host-table.ts'
import { hasFeature } from '../k3s-features.ts'
import type { LintContext } from '../lint/context.ts'
import type { Discovery, Rule } from '../lint/rule.ts'

/** A repository of K3s' own images on ghcr.io. */
const movedExample = 'k3s-io/mirrored-pause'
/** Any other repository of docker.io. */
const otherExample = 'library/nginx'

/** True for a registry whose images nodes pull through a mirror, or share with the embedded registry. */
function isMirrored({ parsed, table, flags }: LintContext, registry: string): boolean {
  if (!parsed.registries.mirrors.has(registry)) return false
  const entry = table.hosts.get(registry)
  return flags.embeddedRegistry === true || (entry !== undefined && (entry.endpoints.length > 0 || entry.default?.index !== undefined))
}

/** True if a rewrite of docker.io renames the images under k3s-io. */
function renamesMovedImages({ rewrites }: LintContext): boolean {
  return (rewrites.get('docker.io') ?? []).some(({ regexp }) => regexp?.matches(movedExample) === true)
}

/** True if a rewrite of docker.io is only for the images under k3s-io, as for nodes with --system-default-registry docker.io. */
function isForDockerHub({ rewrites }: LintContext): boolean {
  return (rewrites.get('docker.io') ?? []).some(({ regexp }) => regexp?.matches(movedExample) === true && !regexp.matches(otherExample))
}

/** True if every endpoint for docker.io is Docker Hub, which does not have the images under k3s-io. */
function isDockerHubOnly({ endpoints }: LintContext): boolean {
  return endpoints
    .filter(({ mirror }) => mirror === 'docker.io')
    .every(({ host }) => /^(?:index|registry-1)\.docker\.io(?::443)?$/.test(host ?? ''))
}

function judgeDefault(context: LintContext): Discovery | undefined {
  const { parsed, systemDefaultRegistry = '' } = context
  const position = parsed.positionOf(['mirrors', 'docker.io'])
  if (systemDefaultRegistry === 'docker.io') {
    if (!isDockerHubOnly(context) || renamesMovedImages(context)) return undefined
    const message = 'this version of K3s pulls its own images from docker.io/k3s-io, and Docker Hub has them only under rancher'
    return {
      position,
      message,
      fix: 'add the endpoint https://index.docker.io to docker.io, with the rewrite "^k3s-io/(.*)": "rancher/$1"',
    }
  }
  if (systemDefaultRegistry !== '' || isForDockerHub(context)) return undefined
  const { mirrors } = parsed.registries
  if (context.flags.embeddedRegistry === true) {
    const [first] = mirrors.keys()
    if (first === undefined) return undefined
    const message = "nodes do not share K3s' own images: this version pulls them from ghcr.io/k3s-io, and mirrors has no ghcr.io"
    return {
      position: mirrors.has('docker.io') ? position : parsed.positionOf(['mirrors', first]),
      message,
      fix: 'add "ghcr.io:" to mirrors',
    }
  }
  if (!isMirrored(context, 'docker.io')) return undefined
  const message = "the mirror docker.io does not apply to K3s' own images: this version pulls them from ghcr.io/k3s-io"
  return { position, message, fix: 'add a mirror for ghcr.io with the same endpoints, and copy the images there under k3s-io' }
}

/** Mirrors of the registry from which another version of K3s pulls its own images. */
export const systemImagesRegistry: Rule = {
  severity: 'warning',
  title: "No mirror for the registry of K3s' own images",
  about: `Only with \`options.version\`. K3s pulls the images of its packaged components from \`ghcr.io/k3s-io\` since v1.40, and from \`docker.io/rancher\` before
([k3s#14561](https://github.com/k3s-io/k3s/issues/14561)). So a mirror of \`docker.io\` needs one of \`ghcr.io\` next to it, or \`"*"\`, and the embedded registry needs
\`ghcr.io\` under \`mirrors\`. With \`--system-default-registry\` the images come from that registry. For \`docker.io\` it needs the endpoint \`https://index.docker.io\` with the
rewrite \`"^k3s-io/(.*)": "rancher/$1"\`. RKE2 is not checked.`,
  *check(context) {
    const { version, flags, parsed, table, systemDefaultRegistry = '' } = context
    if (version === undefined || flags.product === 'rke2') return
    const hasWildcard = table.hosts.has(wildcardHost) || parsed.registries.mirrors.has('*')
    if (hasFeature(version, 'ghcr')) {
      if (!hasWildcard && !isMirrored(context, 'ghcr.io')) yield judgeDefault(context)
      return
    }
    if (systemDefaultRegistry !== '' || hasWildcard || isMirrored(context, 'docker.io') || !isMirrored(context, 'ghcr.io')) return
    yield {
      position: parsed.positionOf(['mirrors', 'ghcr.io']),
      message: "the mirror ghcr.io does not apply to K3s' own images: this version pulls them from docker.io/rancher",
      fix: 'add a mirror for docker.io too, and copy the images there under rancher',
    }
  },
}
