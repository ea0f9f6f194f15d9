import { GoUrlError, parseGoUrl, tryGoUrl } from '../go/go-url.ts'
import { embeddedAddressOf } from '../hosts/k3s-flags.ts'
import { isLocalhost } from '../hosts/normalise-endpoint.ts'
import { hasFeature } from '../k3s-features.ts'
import type { LintContext, WrittenKey } from '../lint/context.ts'
import type { Discovery, Rule } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

/** The URL by which the embedded registry reads the key of a mirror; undefined for a key that it skips. */
function registryUrl(key: string) {
  const url = tryGoUrl(() => parseGoUrl(`https://${key}`))
  return url instanceof GoUrlError || isLocalhost(key) ? undefined : url
}

/** True for a key that makes the embedded registry, and so K3s, fail. */
function isRefused(key: string): boolean {
  const url = registryUrl(key)
  return url !== undefined && (url.path !== '' || url.userinfo !== undefined || (url.query ?? '') !== '')
}

function* refusals({ parsed, version }: LintContext, keys: readonly WrittenKey[]): Iterable<Discovery> {
  const { mirrors } = parsed.registries
  if (!hasFeature(version, 'embedded-registry-keys')) return
  for (const { key, position } of keys) {
    if (!isRefused(key)) continue
    const message = `with --embedded-registry K3s does not start: the mirror ${shown(key)} is more than host[:port]`
    yield { position, message, fix: 'write host[:port] as in the names of images' }
  }
  if (!mirrors.has('*') || !mirrors.has('_default') || !hasFeature(version, 'embedded-registry-wildcard')) return
  const position = parsed.positionOf(['mirrors', '_default'])
  yield {
    position,
    message: 'with --embedded-registry K3s does not start: "*" and "_default" are both wildcards',
    fix: 'remove "_default"',
  }
}

/** An embedded registry that has nothing to share. */
export const embeddedRegistry: Rule = {
  title: 'The embedded registry does not start',
  about: `Only with \`--embedded-registry\`. Nodes share the images of the registries under \`mirrors\`, whose entries may be empty. Registries under \`configs\` do not
count, and neither do \`localhost\` and loopback addresses. Without any other mirror K3s logs "no registries configured for distributed mirroring" and does not start the
embedded registry. \`"*"\` shares the images of every registry. Since v1.31.14, v1.32.10, v1.33.6 and v1.34.2 K3s itself does not start with a mirror that has a path, a
scheme or a user.`,
  *check(context) {
    const { flags, keys, parsed, version } = context
    if (flags.embeddedRegistry !== true || !hasFeature(version, 'hosts-toml')) return
    const mirrors = keys.filter(({ section }) => section === 'mirrors')
    const address = embeddedAddressOf(flags)
    if (mirrors.some(({ key }) => key !== address && registryUrl(key) !== undefined)) {
      yield* refusals(context, mirrors)
      return
    }
    const only = mirrors.length === 0 ? 'mirrors has no registry' : 'mirrors has only registries on the node itself'
    yield {
      position: mirrors[0]?.position ?? parsed.positionOf(['mirrors']),
      message: `the embedded registry does not start: ${only}, and configs do not count`,
      fix: 'write each registry whose images nodes share under mirrors, such as "docker.io:", or "*" for all',
    }
  },
}
