import { isIndexDockerIo } from '../lint/key-fault.ts'
import { renameEdit } from '../lint/meant-name.ts'
import type { Rule } from '../lint/rule.ts'

/** The name of Docker Hub in Docker's login files. */
export const indexDockerIo: Rule = {
  title: '`index.docker.io` instead of `docker.io`',
  about: `\`docker login\` stores Docker Hub's credentials under \`index.docker.io\`, which Docker treats as \`docker.io\`. K3s does not. Images belong to the registry
\`docker.io\`, so K3s never uses a mirror of \`index.docker.io\`. Requests go to \`registry-1.docker.io\`, so containerd never sends credentials under
\`index.docker.io\`. As an endpoint it works, but without Docker Hub's credentials.`,
  isPerSection: true,
  key: (written, context) => {
    const { section, key, fault } = written
    if (fault !== 'index-docker-io' || (section === 'configs' && context.usedKeys.has(key))) return undefined
    const edit = renameEdit(written, context)
    const never = `K3s never uses index.docker.io under ${section}:`
    if (section === 'mirrors') return { message: `${never} images of Docker Hub belong to docker.io`, fix: 'write docker.io', edit }
    return { message: `${never} requests to Docker Hub go to registry-1.docker.io`, fix: 'write registry-1.docker.io', edit }
  },
  endpoint: ({ endpoint, found }) => {
    if (endpoint === undefined || !isIndexDockerIo(endpoint.host) || found.key !== undefined) return undefined
    const message = "containerd does not send Docker Hub's credentials to the endpoint index.docker.io"
    return { message, fix: 'write https://registry-1.docker.io', severity: 'warning' }
  },
}
