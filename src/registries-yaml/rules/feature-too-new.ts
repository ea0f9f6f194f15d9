import { hasFeature, firstVersionsWith, type K3sFeature } from '../k3s-features.ts'
import type { LintContext } from '../lint/context.ts'
import type { Rule } from '../lint/rule.ts'
import type { Position } from '../registries.ts'
import { shown } from '../shown-text.ts'

type Lacking = readonly [feature: K3sFeature, position: Position, message: string]

const start = { line: 1, column: 1 }

function* usedFeatures({ parsed, flags, version, tls }: LintContext): Iterable<Lacking> {
  const given = { '--disable-default-registry-endpoint': flags.disableDefaultEndpoint, '--embedded-registry': flags.embeddedRegistry }
  for (const [flag, isGiven] of Object.entries(given)) {
    if (isGiven === true) yield ['hosts-toml', start, `K3s does not know the flag ${flag} yet and does not start with it`]
  }
  for (const [name, { rewrites }] of parsed.registries.mirrors) {
    const position = parsed.positionOf(['mirrors', name, 'rewrite'])
    if (rewrites.size > 0) yield ['rewrite', position, `K3s does not know rewrite yet and passes over that of ${shown(name)}`]
    // Older ones leave the mirrors to containerd's own configuration, which knows "*".
    if (name !== '*' || !hasFeature(version, 'hosts-toml')) continue
    yield ['wildcard', parsed.positionOf(['mirrors', '*']), 'K3s does not know the mirror "*" yet: it is used for no image']
  }
  for (const { key, tls: settings, positionOf } of tls) {
    const message = `K3s does not know insecure_skip_verify yet: the certificate of ${shown(key)} is verified`
    if (settings.insecureSkipVerify) yield ['insecure-skip-verify', positionOf('insecure_skip_verify'), message]
  }
}

/** Something that the version of K3s does not have yet. */
export const featureTooNew: Rule = {
  title: 'Newer than the version of K3s',
  about: `Only with \`options.version\`. Keys that a version does not know are passed over in silence, and with a flag that it does not know
it does not start. registries.yaml is read since v0.10.0, \`insecure_skip_verify\` since v1.19.1, \`rewrite\` since v1.21.0; both flags
came in January 2024 (v1.26.13, v1.27.10, v1.28.6, v1.29.1), the mirror \`*\` in March 2024 (v1.26.15, v1.27.12, v1.28.8, v1.29.3);
releases before January 2024 leave it to containerd, which knows it too.`,
  check(context) {
    const { version } = context
    const used: Iterable<Lacking> = hasFeature(version, 'registries-yaml')
      ? usedFeatures(context)
      : [['registries-yaml', start, 'K3s does not read registries.yaml yet']]
    return [...used]
      .filter(([feature]) => !hasFeature(version, feature))
      .map(([feature, position, message]) => ({ position, message, fix: `Upgrade K3s: it is in ${firstVersionsWith(feature)} and later.` }))
  },
}
