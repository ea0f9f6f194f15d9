import { configFor } from '../hosts/host-table.ts'
import type { WrittenEndpoint } from '../lint/context.ts'
import { isIndexDockerIo } from '../lint/key-fault.ts'
import { effectWithout } from '../lint/missing-settings.ts'
import type { Rule } from '../lint/rule.ts'
import type { Registries } from '../registries.ts'
import { shown } from '../shown-text.ts'
import { keyWithOtherPort } from './default-port-key.ts'

/** The settings for Docker Hub that do not apply to an endpoint at its other name. */
function judgeEndpoint(written: WrittenEndpoint, configs: Registries['configs']) {
  const { endpoint, found } = written
  if (endpoint === undefined || !isIndexDockerIo(endpoint.host) || found.key !== undefined) return undefined
  if (keyWithOtherPort(written, configs) !== undefined) return undefined
  const { key, config } = configFor(configs, 'docker.io')
  const effect = effectWithout(config, endpoint.url)
  if (key === undefined || effect === '') return undefined
  const host = shown(endpoint.host)
  return {
    message: `the settings under ${key} do not apply to the endpoint ${host}, whose key is ${host}: ${effect}`,
    fix: `write the same settings under ${host} too`,
  }
}

/** The name of Docker Hub in Docker's login files. */
export const indexDockerIo: Rule = {
  title: '`index.docker.io` instead of `docker.io`',
  about: `\`docker login\` stores Docker Hub's credentials under \`index.docker.io\`, which Docker treats as \`docker.io\`. K3s does not. Images belong to the registry
\`docker.io\`, so K3s never uses a mirror of \`index.docker.io\`. Requests go to \`registry-1.docker.io\`, so containerd never sends credentials under
\`index.docker.io\` to it. As an endpoint \`https://index.docker.io\` is Docker Hub, but not the default endpoint, so rewrites apply to it: K3s recommends it for a mirror
of \`docker.io\` with the rewrite \`"^k3s-io/(.*)": "rancher/$1"\`. Its credentials belong under \`configs."index.docker.io"\`. A warning reports credentials under
\`docker.io\` or \`registry-1.docker.io\` that are not written there too.`,
  isPerSection: true,
  key: ({ section, key, fault }, { usedKeys, endpoints }) => {
    if (fault !== 'index-docker-io') return undefined
    const never = `K3s never uses index.docker.io under ${section}:`
    if (section === 'mirrors') return { message: `${never} images of Docker Hub belong to docker.io`, fix: 'write docker.io' }
    // A key for the endpoint with another port is reported by default-port-key.
    if (usedKeys.has(key) || endpoints.some(({ host = '' }) => isIndexDockerIo(host))) return undefined
    return { message: `${never} requests to Docker Hub go to registry-1.docker.io`, fix: 'write registry-1.docker.io' }
  },
  endpoint: (written, { parsed }) => {
    const found = judgeEndpoint(written, parsed.registries.configs)
    return found && { ...found, severity: 'warning' }
  },
}
