import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startRegistry } from '../registry-server/start-registry.ts'
import { certificateAuthority, type CertificateAuthority } from '../servers/certificates.ts'
import { startDockerRegistry } from '../servers/docker-registry.ts'
import { faultProxy, type FaultProxy } from '../servers/fault-proxy.ts'
import { k3sImages } from '../servers/release-shapes.ts'
import { startCli, type CliResult } from '../servers/run-cli.ts'
import { seedRelease, type SeededRelease } from '../servers/seed-release.ts'
import { tempDir, type TempDir } from '../servers/temp-dir.ts'

/** A password that is looked for in everything that is shown. */
export const canary = 'canary:pässword-4711'

const disguises = [canary, Buffer.from(`robot:${canary}`).toString('base64'), encodeURIComponent(canary)]

/** Fails when a text holds the password, plain or encoded. */
export function requireNoCanary(...texts: readonly string[]): void {
  for (const text of texts) for (const secret of disguises) assert.ok(!text.includes(secret), 'a password was shown')
}

/** How one run is given what it needs. */
export interface Login {
  readonly options?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** An open source, and a destination with TLS and the user `robot`. */
export interface SecuredDestination extends AsyncDisposable {
  readonly authority: CertificateAuthority
  readonly release: SeededRelease
  readonly destination: FaultProxy
  readonly directory: TempDir
  /** Path of the authority's certificate. */
  readonly caFile: string
  /** Writes a registries.yaml with this for the destination's host; gives the option for it. */
  registries(config: object): Promise<readonly string[]>
  /** Mirrors with every output there is, and fails when one of them holds the password. */
  mirror(login: Login): Promise<CliResult>
}

/** Starts both ends. */
export async function securedDestination(): Promise<SecuredDestination> {
  const authority = await certificateAuthority()
  const tls = await authority.server()
  const [from, to, directory] = await Promise.all([startRegistry(), startDockerRegistry({ tls, htpasswd: { robot: canary } }), tempDir()])
  const destination = await faultProxy(to.url, undefined, { tls })
  const release = await seedRelease(from.url, { images: k3sImages.slice(1, 3) })
  const [report, events] = [join(directory.path, 'report.json'), join(directory.path, 'events.ndjson')]
  return {
    authority,
    release,
    destination,
    directory,
    caFile: await directory.write('ca.pem', authority.certificate),
    registries: async (config) => [
      '--registries',
      await directory.write('registries.yaml', JSON.stringify({ configs: { [destination.host]: config } })),
    ],
    async mirror({ options = [], env = {} }) {
      const outputs = ['--report', report, '--events', events, '--verbose']
      const args = ['mirror', '--images', '-', '--from', `docker.io=${from.url}`, '--to', destination.url, ...outputs, ...options]
      const { child, finished } = await startCli(args, { stdin: release.list, env })
      const commandLine = await readFile(`/proc/${child.pid}/cmdline`, 'utf8').catch(() => '')
      const result = await finished
      requireNoCanary(commandLine, result.stdout, result.stderr, await readFile(report, 'utf8'), await readFile(events, 'utf8'))
      return result
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([from, to, destination, directory].map((server) => server[Symbol.asyncDispose]()))
    },
  }
}
