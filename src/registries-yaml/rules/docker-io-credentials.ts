import { hasFeature, firstVersionsWith } from '../k3s-features.ts'
import type { Rule } from '../lint/rule.ts'
import { readAuth, resolveCredentials } from '../resolve/resolve-credentials.ts'

const requestHost = 'registry-1.docker.io'

/** Credentials for Docker Hub under a key that this version ignores. */
export const dockerIoCredentials: Rule = {
  title: 'Docker Hub credentials under a key that K3s ignores',
  about: `containerd looks up credentials under the host of the request, which is \`registry-1.docker.io\` for images of \`docker.io\`. K3s also accepts the key
\`docker.io\` since ${firstVersionsWith('docker-io-credentials')}; older versions ignore it and pull anonymously. If both keys have credentials, K3s uses
\`registry-1.docker.io\`. Pass \`options.version\` to check for another version than the newest.`,
  *check({ parsed, version }) {
    const { configs } = parsed.registries
    const auth = configs.get('docker.io')?.auth
    if (auth === undefined || readAuth(auth) === undefined) return
    const position = parsed.positionOf(['configs', 'docker.io'])
    if (resolveCredentials(configs, requestHost, version).key === requestHost) {
      const message = `K3s ignores the credentials under docker.io: those under ${requestHost} take precedence`
      yield { position, message, fix: 'remove one of the two keys', severity: 'warning' }
    } else if (!hasFeature(version, 'docker-io-credentials')) {
      yield {
        position,
        message: `this version of K3s ignores credentials under docker.io, which need ${firstVersionsWith('docker-io-credentials')} or later: nodes pull anonymously`,
        fix: `write ${requestHost} instead of docker.io`,
      }
    }
  },
}
