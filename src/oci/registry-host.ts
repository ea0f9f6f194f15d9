// where requests for docker.io go, and the names that people log in to
const dockerHubHosts = ['registry-1.docker.io', 'docker.io', 'index.docker.io', 'registry.hub.docker.com']

/** True for the origins (`https://host`) of Docker Hub, which has several names and one set of credentials. */
export function isDockerHub(origin: string): boolean {
  const { protocol, host } = new URL(origin)
  return protocol === 'https:' && dockerHubHosts.includes(host)
}

/** The spellings `host` and `host:port` of an origin in configuration files, the likeliest first; Docker Hub's names are one. */
export function registryHostKeys(origin: string): readonly string[] {
  const { protocol, hostname, host, port } = new URL(origin)
  if (port !== '') return [host]
  const hosts = isDockerHub(origin) ? dockerHubHosts : [hostname]
  return hosts.flatMap((name) => [name, `${name}:${protocol === 'http:' ? 80 : 443}`])
}
