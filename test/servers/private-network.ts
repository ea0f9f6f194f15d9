import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { tempDir } from './temp-dir.ts'

/** A network of its own: addresses that only the processes in it have, names for some of them, and an authority that its system trusts. */
export interface PrivateNetwork {
  readonly addresses: readonly string[]
  /** Address by name, in place of the machine's own /etc/hosts. */
  readonly names: Readonly<Record<string, string>>
  /** PEM, in place of the machine's own trust store. */
  readonly authority?: string
  /** Added to the environment of the script. */
  readonly env?: Readonly<Record<string, string>>
}

const trustStore = '/etc/ssl/certs/ca-certificates.crt'

/** Runs a script of the tests in such a network, as root, and gives what it printed. The files of the machine stay as they are. */
export async function runInPrivateNetwork(script: URL, network: PrivateNetwork): Promise<string> {
  await using directory = await tempDir()
  const hosts = Object.entries(network.names).map(([name, address]) => `${address} ${name}\n`)
  const mounts = [`busybox mount --bind ${await directory.write('hosts', `127.0.0.1 localhost\n${hosts.join('')}`)} /etc/hosts`]
  if (network.authority !== undefined && existsSync(trustStore)) {
    mounts.push(`busybox mount --bind ${await directory.write('authority.pem', network.authority)} ${trustStore}`)
  }
  const commands = [
    'busybox ip link set lo up',
    ...network.addresses.map((address) => `busybox ip addr add ${address}/32 dev lo`),
    ...mounts,
    'exec "$@"',
  ]
  const own = [process.execPath, '--import', 'tsx', fileURLToPath(script)]
  const child = spawn('unshare', ['-mn', 'busybox', 'sh', '-c', commands.join(' && '), 'sh', ...own], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...network.env },
  })
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  const status = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve))
  const text = Buffer.concat(chunks).toString()
  if (status !== 0) throw new Error(`the script in its own network ended with ${String(status)}:\n${text}`)
  return text
}
