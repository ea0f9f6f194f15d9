import { escaped } from '../../text/printable.ts'
import { hasFeature } from '../k3s-features.ts'
import type { LintContext, WrittenKey } from '../lint/context.ts'
import { meantKey } from '../lint/key-fault.ts'
import type { Discovery, Rule } from '../lint/rule.ts'
import { hasAnySettings } from '../registries.ts'
import { shown } from '../shown-text.ts'

type Text = Pick<Discovery, 'message' | 'fix'>

/** The name of a directory in certs.d, which K3s uses as the name of a registry too. */
function judgeDirectory({ section, key }: WrittenKey, { flags, parsed, version, usedKeys }: LintContext): Text | undefined {
  const { mirrors, configs } = parsed.registries
  const registry = meantKey(key, section)
  const fix = `write ${shown(registry)}`
  const isWildcard = registry === '*'
  if (section === 'configs' && (usedKeys.has(key) || mirrors.has(key) || !hasAnySettings(configs.get(key)))) return undefined
  if (!hasFeature(version, 'hosts-toml')) return { message: `the key ${shown(key)} of ${section} never matches a registry`, fix }
  const whose = isWildcard ? 'every registry without an entry of its own' : shown(registry)
  const file = `K3s writes certs.d/${escaped(key)}/hosts.toml for it, which containerd reads for ${whose}`
  const isLost = isWildcard && mirrors.has('*')
  const effect = isLost
    ? `${file}, and "*" has the same file: one of them is lost`
    : section === 'mirrors' && flags.disableDefaultEndpoint === true && !configs.has(key)
      ? file
      : `${file}, with the server "https://${escaped(key)}/v2", which does not exist`
  return { message: `the key ${shown(key)} of ${section} is not a registry: ${effect}`, fix }
}

/** A key that is not the name of a registry in images. */
export const keyNotARegistry: Rule = {
  title: 'A key that is not the name of a registry',
  about: `The keys of \`mirrors\` are registries as in the names of images. The first part of a name is a registry only if it contains a dot, a colon or an upper-case
letter, or is \`localhost\`: \`customreg/app\` is an image of \`docker.io\`. Images of Docker Hub belong to \`docker.io\`, never to \`registry-1.docker.io\`, where only
their requests go. \`_default\` and \`host_5000_\` are names of directories in certs.d: containerd reads them for every registry and for \`host:5000\`, but K3s adds
the directory's name as the registry to fall back to.`,
  isPerSection: true,
  key: (written, context) => {
    const { key, fault } = written
    if (fault === 'directory') return judgeDirectory(written, context)
    if (fault === 'request-host') {
      const message = `the mirror ${shown(key)} is not used for Docker Hub: K3s writes certs.d/${escaped(key)}/hosts.toml, and its images belong to docker.io`
      return { message, fix: 'write docker.io' }
    }
    if (fault !== 'no-registry') return undefined
    return {
      message: `the mirror ${shown(key)} is never used: K3s writes certs.d/${escaped(key)}/hosts.toml, but images named ${shown(`${key}/…`)} belong to docker.io`,
      fix: 'write the host with its domain or port, as in the names of images',
    }
  },
}
