import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer as createHttpsServer } from 'node:https'
import { connect, createServer } from 'node:net'
import { readLayout } from '../../src/layout/open-layout.ts'
import { createRegistryServer } from '../../src/registry-server/registry-server.ts'
import { startDockerRegistry } from '../../test/servers/docker-registry.ts'
import { internet, releases, site } from './demo-world.ts'

/** Accounts of the site's registry where a page needs a login. */
const accounts = { mirror: 'mirror-password', node: 'node-password' } as const

/** Starts Docker Hub, ghcr.io, GitHub, the channel server and the site's registry on their own addresses, port 443. */
export async function startDemoServers(world: string, traits: readonly string[]): Promise<AsyncDisposable> {
  const read = (name: string): string => readFileSync(`${world}/${name}`, 'utf8')
  const serve = async (name: keyof typeof internet, directory: string, registry: string): Promise<AsyncDisposable> => {
    const layout = await readLayout(`${world}/${directory}`)
    const server = createRegistryServer({ layout, registry, tls: { cert: read(`${name}.pem`), key: read(`${name}.key`) } })
    await server.listen(internet[name], 443)
    return server
  }
  const hub = await serve('registry-1.docker.io', 'docker-hub', 'docker.io')
  const github = await serve('ghcr.io', 'ghcr', 'ghcr.io')
  for (const name of ['github.com', 'api.github.com', 'raw.githubusercontent.com', 'update.k3s.io'] as const) {
    const server = createHttpsServer({ cert: read(`${name}.pem`), key: read(`${name}.key`) }, ({ url = '' }, response) => {
      const { location, file } = answerOf(decodeURIComponent(url))
      if (location !== undefined) response.writeHead(302, { location }).end()
      else if (file === undefined || !existsSync(`${world}/${file}`)) response.writeHead(404).end('Not Found\n')
      else response.end(readFileSync(`${world}/${file}`))
    })
    server.unref().listen(443, internet[name])
    await once(server, 'listening')
  }
  const authority = traits.includes('private-ca') ? 'private' : 'public'
  const registry = await startDockerRegistry({
    tls: { certificate: read(`site-${authority}.pem`), key: read(`site-${authority}.key`) },
    ...(traits.includes('login') && { htpasswd: accounts }),
  })
  const forwarder = createServer((socket) => {
    const onward = connect(Number(new URL(registry.url).port), '127.0.0.1')
    socket.pipe(onward).pipe(socket)
    socket.on('error', () => onward.destroy())
    onward.on('error', () => socket.destroy())
  })
  forwarder.unref().listen(443, site['registry.example.com'])
  await once(forwarder, 'listening')
  return {
    async [Symbol.asyncDispose]() {
      await hub[Symbol.asyncDispose]()
      await github[Symbol.asyncDispose]()
      await registry[Symbol.asyncDispose]()
    },
  }
}

/** What K3s' servers answer at a path: a file of the world, or a redirect. */
function answerOf(path: string): { readonly location?: string; readonly file?: string } {
  const [, channel] = /^\/v1-release\/channels\/(\w[\w.]*)$/.exec(path) ?? []
  const tag = channel === undefined ? undefined : releases.findLast((tag) => channel === 'stable' || tag.startsWith(`${channel}.`))
  if (tag !== undefined) return { location: `https://github.com/k3s-io/k3s/releases/tag/${encodeURIComponent(tag)}` }
  const [, download] = /^\/k3s-io\/k3s\/releases\/download\/(.+)$/.exec(path) ?? []
  if (download !== undefined) return { file: `releases/${download}` }
  const [, rpm] = /^\/k3s-io\/k3s-selinux\/releases\/download\/(.+)$/.exec(path) ?? []
  if (rpm !== undefined) return { file: `selinux/${rpm}` }
  if (path === '/repos/k3s-io/k3s-selinux/releases/latest') return { file: 'selinux/release.json' }
  const [, source] = /^\/k3s-io\/k3s\/(v[^/]+\/[^/]+)$/.exec(path) ?? []
  if (source !== undefined) return { file: `repository/${source}` }
  const [, release] = /^\/repos\/k3s-io\/k3s\/releases\/tags\/(.+)$/.exec(path) ?? []
  return release === undefined ? {} : { file: `releases/${release}/release.json` }
}

/** Gives this mount namespace an /etc of its own, and an empty /run and /mnt, so that a page may write where its reader does. */
export function mountOwnDirectories(scratch: string): void {
  const mount = (...args: readonly string[]): void => void execFileSync('busybox', ['mount', ...args])
  execFileSync('busybox', ['mkdir', '-p', `${scratch}/etc`])
  execFileSync('busybox', ['cp', '-a', '/etc/.', `${scratch}/etc/`])
  mount('--bind', `${scratch}/etc`, '/etc')
  // no name server can be reached, and to wait for one takes time
  writeFileSync('/etc/nsswitch.conf', 'hosts: files\n')
  mount('-t', 'tmpfs', 'tmpfs', '/run')
  mount('-t', 'tmpfs', 'tmpfs', '/mnt')
  execFileSync('busybox', ['mkdir', '/mnt/usb'])
}
