import { isIndexDockerIo } from '../lint/key-fault.ts'
import type { Rule } from '../lint/rule.ts'
import { placesOfEndpoints, writtenEndpoints, writtenKeys } from '../lint/written-places.ts'

const fixes = {
  mirrors: 'Write docker.io.',
  configs: "Write registry-1.docker.io, which every version of K3s sends Docker Hub's credentials to.",
}

/** The name that Docker's login files have for Docker Hub. */
export const indexDockerIo: Rule = {
  id: 'index-docker-io',
  severity: 'error',
  title: "`index.docker.io` in place of Docker Hub's names",
  about: `\`docker login\` stores Docker Hub's credentials under \`index.docker.io\`, and Docker takes images of that name for \`docker.io\`. K3s does not: images
are of the registry \`docker.io\`, so a mirror of \`index.docker.io\` is never used, and requests go to \`registry-1.docker.io\`, so credentials under
\`index.docker.io\` are never sent. As an endpoint it answers, but is given none of Docker Hub's credentials.`,
  *check(context) {
    const used = new Set(writtenEndpoints(context).map(({ found }) => found.key))
    for (const { section, key, position, fault } of writtenKeys(context)) {
      if (fault !== 'index-docker-io' || (section === 'configs' && used.has(key))) continue
      const why =
        section === 'mirrors' ? 'images of Docker Hub are of the registry docker.io' : 'Docker Hub is asked at registry-1.docker.io'
      yield { position, message: `index.docker.io under ${section} is never used: ${why}`, fix: fixes[section] }
    }
    for (const { endpoint, found, position } of placesOfEndpoints(context)) {
      if (endpoint === undefined || !isIndexDockerIo(endpoint.host) || found.key !== undefined) continue
      yield {
        position,
        message: "the endpoint index.docker.io gets none of Docker Hub's credentials",
        fix: 'Write https://registry-1.docker.io.',
        severity: 'warning',
      }
    }
  },
}
