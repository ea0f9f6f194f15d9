import { isIndexDockerIo } from '../lint/key-fault.ts'
import type { Rule } from '../lint/rule.ts'

/** The name that Docker's login files have for Docker Hub. */
export const indexDockerIo: Rule = {
  title: "`index.docker.io` in place of Docker Hub's names",
  about: `\`docker login\` stores Docker Hub's credentials under \`index.docker.io\`, and Docker takes images of that name for \`docker.io\`. K3s does not: images
are of the registry \`docker.io\`, so a mirror of \`index.docker.io\` is never used, and requests go to \`registry-1.docker.io\`, so credentials under
\`index.docker.io\` are never sent. As an endpoint it answers, but is given none of Docker Hub's credentials.`,
  isPerSection: true,
  key: ({ section, key, fault }, { usedKeys }) => {
    if (fault !== 'index-docker-io' || (section === 'configs' && usedKeys.has(key))) return undefined
    const never = `index.docker.io under ${section} is never used:`
    if (section === 'mirrors') return { message: `${never} images of Docker Hub are of the registry docker.io`, fix: 'Write docker.io.' }
    const fix = "Write registry-1.docker.io, which every version of K3s sends Docker Hub's credentials to."
    return { message: `${never} Docker Hub is asked at registry-1.docker.io`, fix }
  },
  endpoint: ({ endpoint, found }) => {
    if (endpoint === undefined || !isIndexDockerIo(endpoint.host) || found.key !== undefined) return undefined
    const message = "the endpoint index.docker.io gets none of Docker Hub's credentials"
    return { message, fix: 'Write https://registry-1.docker.io.', severity: 'warning' }
  },
}
