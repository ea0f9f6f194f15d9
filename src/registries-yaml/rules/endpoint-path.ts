import { posix } from 'node:path'
import type { Rule } from '../lint/rule.ts'
import { shown } from '../shown-text.ts'

/** An endpoint with a path. */
export const endpointPath: Rule = {
  title: 'An endpoint with a path',
  about: `Any path other than \`/v2\` sets \`override_path\`: containerd uses it as the root of the registry's API and does not add \`/v2\`. The path is not a project.
With \`https://harbor.example.com/dockerhub\` nodes request \`/dockerhub/library/busybox/manifests/latest\`, which does not exist on any registry. Use a rewrite for
a project. Paths that contain \`v2\`, such as Harbor's \`/v2/<project>\` and Nexus' \`/repository/<name>/v2\`, can be right and are only an info.`,
  endpoint: ({ text, endpoint, position }) => {
    if (endpoint?.overridePath !== true || !/^https?:\/\//.test(endpoint.url)) return undefined
    const [, path = ''] = /^[a-z]+:\/\/[^/]*(\/[^?#]*)/.exec(endpoint.url) ?? []
    const clean = posix.normalize(path).replace(/(.)\/$/, '$1')
    const requests = `requests go to ${shown(`${clean === '/' ? '' : clean}/<repository>/manifests/<tag>`)}`
    if (clean === '/v2') {
      const message = `the path of ${shown(text)} sets override_path; ${requests}, as they would without it`
      return { position, message, fix: 'remove the path, or write /v2', severity: 'info' }
    }
    if (clean.split('/').includes('v2')) {
      const message = `the path of ${shown(text)} replaces the API's /v2: ${requests}`
      return { position, message, fix: 'keep the path only if the registry serves its API there', severity: 'info' }
    }
    const project = clean.toLowerCase() === '/v2' ? '' : clean.slice(1)
    const rewrite = project === '' ? '' : `; for a project of the registry, add the rewrite "^(.*)$": ${shown(`${project}/$1`)}`
    return { position, message: `the path of ${shown(text)} replaces the API's /v2: ${requests}`, fix: `remove the path${rewrite}` }
  },
}
