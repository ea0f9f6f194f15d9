import { once } from 'node:events'
/** Runs `mirror` in a network of its own, where a registry is reached by name, and prints what became of each run as JSON. */
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { scriptedServer } from '../servers/scripted-server.ts'
import { oneImage } from './one-image.ts'

/** Makes a server on loopback reachable at another address of this machine too; gives its port there. */
async function reachableAt(address: string, host: string): Promise<number> {
  const { hostname, port } = new URL(`http://${host}`)
  const server = createServer((socket) => {
    const onward = connect(Number(port), hostname)
    socket.pipe(onward).pipe(socket)
    socket.on('error', () => onward.destroy())
    onward.on('error', () => socket.destroy())
  })
  server.unref().listen(0, address)
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** What became of a run. */
export interface NetworkRun {
  readonly name: string
  readonly status: number | null
  readonly isMirrored: boolean
  /** Requests to the storage. */
  readonly asked: number
  readonly output: string
}

const runs: NetworkRun[] = []

/** Names that the storage has in this network. */
const names: Readonly<Record<string, string>> = { 'linklocal.test': '169.254.7.7', 'storage.test': '10.1.2.4', 'loop.test': '127.0.0.1' }

/** The source's blobs lie at `storage`, and the source is reached by a name whose address is `address`. */
async function downloads(name: string, registry: string, address: string, storage: string, more: readonly string[] = []): Promise<void> {
  await using at = await oneImage()
  await using store = await scriptedServer(({ url }, response) => void response.end(at.source.blobs.get(url.slice(1))))
  const isForbidden = storage.startsWith('169.')
  const storagePort = isForbidden ? 80 : await reachableAt(names[storage] ?? storage, store.host)
  at.source.intercept = ({ kind, path }, response) => {
    if (kind !== 'blob-get') return false
    const [, repository, digest] = /^\/v2\/(.+)\/blobs\/(.+)$/.exec(path) ?? []
    response.writeHead(307, { location: `http://${storage}:${storagePort}/${repository}@${digest}` }).end()
    return true
  }
  const port = await reachableAt(address, at.source.host)
  const { status, stdout, stderr } = await at.run(['--from', `docker.io=http://${registry}:${port}`, '--retries', '0', ...more])
  runs.push({ name, status, isMirrored: at.isMirrored(), asked: store.requests.length, output: stdout + stderr })
}

/** The destination, reached by name, opens uploads at its address. */
async function uploads(name: string, registry: string, address: string): Promise<void> {
  await using at = await oneImage()
  const port = await reachableAt(address, at.destination.host)
  at.destination.intercept = ({ kind, path }, response) => {
    if (kind !== 'mount' && kind !== 'upload-post') return false
    const session = `${path.split('?')[0]}${at.destination.requests.length}`
    ;(at.destination.sessions as Set<string>).add(session)
    response.writeHead(202, { location: `http://${address}:${port}${session}` }).end()
    return true
  }
  const { status, stdout, stderr } = await at.run(['--to', `http://${registry}:${port}`, '--retries', '0'])
  runs.push({ name, status, isMirrored: at.isMirrored(), asked: 0, output: stdout + stderr })
}

await downloads('private name, private storage', 'private.test', '10.1.2.3', '10.1.2.4')
await uploads('private name, upload at its address', 'private.test', '10.1.2.3')
await downloads('public name, private storage', 'public.test', '203.0.113.7', '10.1.2.4')
await downloads('public name, private storage that is trusted', 'public.test', '203.0.113.7', '10.1.2.4', ['--storage-host', '10.1.2.4'])
await downloads('private name, metadata address', 'private.test', '10.1.2.3', '169.254.169.254')
await downloads('private name, name of a link-local address', 'private.test', '10.1.2.3', 'linklocal.test')
await downloads('private name, loopback', 'private.test', '10.1.2.3', '127.0.0.1')
await downloads('private name, name of a private storage', 'private.test', '10.1.2.3', 'storage.test')
await downloads('public name, name of a private storage', 'public.test', '203.0.113.7', 'storage.test')
await downloads('public name, name of a trusted storage', 'public.test', '203.0.113.7', 'storage.test', ['--storage-host', 'storage.test'])
await downloads('public name, name of this machine', 'public.test', '203.0.113.7', 'loop.test')
process.stdout.write(JSON.stringify(runs))
