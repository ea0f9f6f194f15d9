import { productName } from '../hosts/k3s-flags.ts'
import { hasFeature, firstVersionsWith, type K3sFeature } from '../k3s-features.ts'
import type { LintContext } from '../lint/context.ts'
import type { Rule } from '../lint/rule.ts'
import type { Position } from '../registries.ts'
import { shown } from '../shown-text.ts'

type Missing = readonly [feature: K3sFeature, position: Position, message: string]

const start = { line: 1, column: 1 }

function* usedFeatures({ parsed, flags, version, tls }: LintContext): Iterable<Missing> {
  const name = productName(flags)
  const given = { '--disable-default-registry-endpoint': flags.disableDefaultEndpoint, '--embedded-registry': flags.embeddedRegistry }
  for (const [flag, isGiven] of Object.entries(given)) {
    if (isGiven === true) yield ['hosts-toml', start, `this version of ${name} does not support ${flag} and does not start with it`]
  }
  for (const [mirror, { rewrites }] of parsed.registries.mirrors) {
    const position = parsed.positionOf(['mirrors', mirror, 'rewrite'])
    if (rewrites.size > 0) yield ['rewrite', position, `this version of ${name} ignores the rewrite of ${shown(mirror)}`]
    // Older versions use containerd's own mirrors, which support "*".
    if (mirror !== '*' || !hasFeature(version, 'hosts-toml')) continue
    yield ['wildcard', parsed.positionOf(['mirrors', '*']), `this version of ${name} ignores the mirror "*"`]
  }
  for (const { key, tls: settings, positionOf } of tls) {
    const message = `this version of ${name} ignores insecure_skip_verify and verifies the certificate of ${shown(key)}`
    if (settings.insecureSkipVerify) yield ['insecure-skip-verify', positionOf('insecure_skip_verify'), message]
  }
}

/** A setting that this version of K3s does not support yet. */
export const featureTooNew: Rule = {
  title: 'Not supported by this version of K3s',
  about: `Only with \`options.version\`. K3s ignores unknown keys without a message, and does not start with an unknown flag. It supports registries.yaml since
v0.10.0, \`insecure_skip_verify\` since v1.19.1 and \`rewrite\` since v1.21.0. Both flags need the releases of January 2024 (v1.26.13, v1.27.10, v1.28.6, v1.29.1), and
the mirror \`*\` those of March 2024 (v1.26.15, v1.27.12, v1.28.8, v1.29.3). Before January 2024 containerd itself supports the mirror \`*\`.`,
  check(context) {
    const { version } = context
    const used: Iterable<Missing> = hasFeature(version, 'registries-yaml')
      ? usedFeatures(context)
      : [['registries-yaml', start, `this version of ${productName(context.flags)} does not read registries.yaml`]]
    return [...used]
      .filter(([feature]) => !hasFeature(version, feature))
      .map(([feature, position, message]) => ({
        position,
        message,
        fix: `upgrade ${productName(context.flags)} to ${firstVersionsWith(feature)} or later`,
      }))
  },
}
