import { hasFeature, firstVersionsWith } from '../k3s-features.ts'
import type { Rule } from '../lint/rule.ts'
import { readAuth, resolveCredentials } from '../resolve/resolve-credentials.ts'

const requestHost = 'registry-1.docker.io'

/** Credentials for Docker Hub under a key that this version does not look at. */
export const dockerIoCredentials: Rule = {
  title: 'Credentials of Docker Hub under a key that is not looked at',
  about: `containerd looks for credentials under the host that it sends a request to, and for images of \`docker.io\` that is \`registry-1.docker.io\`. The key
\`docker.io\` counts too in K3s since ${firstVersionsWith('docker-io-credentials')}; before, it was passed over, and Docker Hub was asked anonymously. Where both keys have
credentials, those of \`registry-1.docker.io\` are sent. \`options.version\` says which version is asked about.`,
  *check({ parsed, version }) {
    const { configs } = parsed.registries
    const auth = configs.get('docker.io')?.auth
    if (auth === undefined || readAuth(auth) === undefined) return
    const position = parsed.positionOf(['configs', 'docker.io'])
    if (resolveCredentials(configs, requestHost, version).key === requestHost) {
      const message = `the credentials under docker.io are not used: those under ${requestHost} come first`
      yield { position, message, fix: 'Keep one of the two keys.', severity: 'warning' }
    } else if (!hasFeature(version, 'docker-io-credentials')) {
      yield {
        position,
        message: `this version of K3s does not send the credentials under docker.io; those with ${firstVersionsWith('docker-io-credentials')} and later do`,
        fix: `Write ${requestHost} in place of docker.io; every version sends those.`,
      }
    }
  },
}
