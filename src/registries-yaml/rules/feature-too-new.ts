import { firstVersionsWith, hasFeature, type K3sFeature } from '../k3s-features.ts'
import type { Discovery, LintContext, Rule } from '../lint/rule.ts'
import { oncePerPlace } from '../lint/written-places.ts'
import { shown } from '../shown-text.ts'

type Lacking = (feature: K3sFeature, discovery: Omit<Discovery, 'fix'>) => Iterable<Discovery>

const start = { line: 1, column: 1 }

function* checkFlags({ flags }: LintContext, lacking: Lacking): Iterable<Discovery> {
  const given = { '--disable-default-registry-endpoint': flags.disableDefaultEndpoint, '--embedded-registry': flags.embeddedRegistry }
  for (const [flag, isGiven] of Object.entries(given)) {
    if (isGiven === true)
      yield* lacking('hosts-toml', { position: start, message: `K3s does not know the flag ${flag} yet and does not start with it` })
  }
}

function* checkFile({ parsed, version }: LintContext, lacking: Lacking): Iterable<Discovery> {
  for (const [name, { rewrites }] of parsed.registries.mirrors) {
    if (rewrites.size > 0) {
      const position = parsed.positionOf(['mirrors', name, 'rewrite'])
      yield* lacking('rewrite', { position, message: `K3s does not know rewrite yet and passes over that of ${shown(name)}` })
    }
    // Older ones leave the mirrors to containerd's own configuration, which knows "*".
    if (name !== '*' || !hasFeature(version, 'hosts-toml')) continue
    yield* lacking('wildcard', {
      position: parsed.positionOf(['mirrors', '*']),
      message: 'K3s does not know the mirror "*" yet: it is used for no image',
    })
  }
  for (const [key, { tls }] of parsed.registries.configs) {
    if (tls?.insecureSkipVerify !== true) continue
    const position = parsed.positionOf(['configs', key, 'tls', 'insecure_skip_verify'])
    yield* lacking('insecure-skip-verify', {
      position,
      message: `K3s does not know insecure_skip_verify yet: the certificate of ${shown(key)} is verified`,
    })
  }
}

/** Something that the version of K3s does not have yet. */
export const featureTooNew: Rule = {
  id: 'feature-too-new',
  severity: 'error',
  title: 'Newer than the version of K3s',
  about: `Only with \`--k3s-version\`. Keys that a version does not know are passed over in silence, and with a flag that it does not know
it does not start. registries.yaml is read since v0.10.0, \`insecure_skip_verify\` since v1.19.1, \`rewrite\` since v1.21.0; both flags
came in January 2024 (v1.26.13, v1.27.10, v1.28.6, v1.29.1), the mirror \`*\` in March 2024 (v1.26.15, v1.27.12, v1.28.8, v1.29.3);
releases before January 2024 leave it to containerd, which knows it too.`,
  *check(context) {
    const { parsed, version } = context
    if (version === undefined || parsed.problems.length > 0) return
    const lacking: Lacking = (feature, discovery) =>
      hasFeature(version, feature) ? [] : [{ ...discovery, fix: `Upgrade K3s: it is in ${firstVersionsWith(feature)} and later.` }]
    if (!hasFeature(version, 'registries-yaml')) {
      yield* lacking('registries-yaml', { position: start, message: 'K3s does not read registries.yaml yet' })
      return
    }
    yield* oncePerPlace([...checkFlags(context, lacking), ...checkFile(context, lacking)])
  },
}
