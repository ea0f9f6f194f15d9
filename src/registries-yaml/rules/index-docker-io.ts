import { isIndexDockerIo } from '../lint/key-fault.ts'
import type { Rule, Discovery } from '../lint/rule.ts'

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
  isPerSection: true,
  check: ({ keys, distinctEndpoints, usedKeys }) => [
    ...keys
      .filter(({ section, key, fault }) => fault === 'index-docker-io' && !(section === 'configs' && usedKeys.has(key)))
      .map(({ section, position }) => {
        const why =
          section === 'mirrors' ? 'images of Docker Hub are of the registry docker.io' : 'Docker Hub is asked at registry-1.docker.io'
        return { position, message: `index.docker.io under ${section} is never used: ${why}`, fix: fixes[section] }
      }),
    ...distinctEndpoints
      .filter(({ endpoint, found }) => endpoint !== undefined && isIndexDockerIo(endpoint.host) && found.key === undefined)
      .map(({ position }): Discovery => {
        const message = "the endpoint index.docker.io gets none of Docker Hub's credentials"
        return { position, message, fix: 'Write https://registry-1.docker.io.', severity: 'warning' }
      }),
  ],
}
