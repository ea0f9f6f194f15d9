import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { basicGate } from '../cli/one-image.ts'
import { syncWorld, type SyncWorld } from '../cli/sync-world.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { jobEnvironment, startDownload, type Download, type ShellPlace } from './shell.ts'

/** The password of the destination, which no output may show. */
export const password = "s3cret 'word"

/** Servers for pipelines: a release of two images on the channel `stable`, a registry with a login, and a download of the program. */
export interface PipelineWorld extends AsyncDisposable {
  readonly world: SyncWorld
  /** `127.0.0.1:<port>` of the registry. */
  readonly host: string
  readonly download: Download
  /** Variables of a login at the registry, as a pipeline has them in its secret store. */
  readonly login: Readonly<Record<string, string>>
  /** The same login as DOCKER_AUTH_CONFIG. */
  readonly dockerAuth: string
  /** An empty working directory for a job, with the variables that every job has. */
  workspace(): Promise<ShellPlace>
  /** How many images the registry has below a prefix. */
  count(prefix: string): number
}

/** Starts the servers; `first` are lines of shell that the program begins with. */
export async function pipelineWorld(first = ''): Promise<PipelineWorld> {
  const [world, download, directory] = await Promise.all([syncWorld(), startDownload({ first }), tempDir()])
  world.release('v1.37.1+k3s1', ['one', 'two'])
  world.channel('v1.37.1+k3s1')
  const [registry] = world.destinations
  registry.intercept = basicGate(`ci:${password}`)
  const variables = {
    K3S_MIRROR_FROM: `docker.io=${world.source.url}`,
    K3S_MIRROR_RETRIES: '0',
    INSTALL_K3S_ARTIFACT_URL: world.releases,
    INSTALL_K3S_CHANNEL_URL: `${world.releases}/channels`,
  }
  let sequence = 0
  return {
    world,
    host: registry.host,
    download,
    login: { K3S_MIRROR_USERNAME: 'ci', K3S_MIRROR_PASSWORD: password },
    dockerAuth: JSON.stringify({ auths: { [registry.host]: { auth: Buffer.from(`ci:${password}`).toString('base64') } } }),
    async workspace() {
      const path = `${directory.path}/job ${++sequence}`
      const cwd = `${path}/work`
      await mkdir(cwd, { recursive: true })
      return { cwd, env: { ...(await jobEnvironment(path)), ...variables } }
    },
    count: (prefix) => [...registry.manifests.keys()].filter((name) => name.startsWith(`${prefix}/`) && name.endsWith(':1')).length,
    async [Symbol.asyncDispose]() {
      await Promise.all([world, download, directory].map((one) => one[Symbol.asyncDispose]()))
    },
  }
}

/** Fails where a text has the password, plain or encoded. */
export function requireNoSecret(...texts: readonly string[]): void {
  const forms = [password, encodeURIComponent(password), Buffer.from(`ci:${password}`).toString('base64')]
  for (const text of texts) for (const form of forms) assert.ok(!text.includes(form), `the output has the password: ${text}`)
}
