import type { ServerResponse } from 'node:http'
import type { MirrorReport } from '../../src/report/report.ts'
import { createKit, type CreateKitOptions } from '../../src/runs/create-kit.ts'
import { startRegistry, type TestRegistry } from '../registry-server/start-registry.ts'
import { checksumLine, demoInstaller, makeK3sFiles, makePackage, releaseDocument } from '../servers/k3s-files.ts'
import { k3sImages } from '../servers/release-shapes.ts'
import { scriptedServer, type ScriptedHandler, type ScriptedRequest, type ScriptedServer } from '../servers/scripted-server.ts'
import { seedRelease, type SeededRelease } from '../servers/seed-release.ts'
import { tempDir, type TempDir } from '../servers/temp-dir.ts'

/** The release that the world has first. */
export const tag = 'v1.37.1+k3s1'

/** A registry with two images, and servers that have K3s' files, GitHub's API, K3s' repository and the packages of k3s-selinux. */
export interface KitWorld extends AsyncDisposable {
  readonly registry: TestRegistry
  readonly release: SeededRelease
  readonly server: ScriptedServer
  readonly directory: TempDir
  /** What the server answers, by decoded path; tests change it. */
  readonly files: Map<string, Uint8Array>
  /** Answers before the files do; true where it has answered. */
  before: (request: ScriptedRequest, response: ServerResponse, path: string) => boolean
  /** Where all of this is. */
  readonly places: Pick<
    CreateKitOptions,
    'artifactUrl' | 'releaseApiUrl' | 'repositoryUrl' | 'selinuxApiUrl' | 'from' | 'releases' | 'retry'
  >
  /** Adds a release with the same images. */
  addRelease(release: string, options?: Parameters<typeof makeK3sFiles>[1]): void
  create(name: string, options?: Partial<CreateKitOptions>): Promise<{ readonly file: string; readonly report: MirrorReport }>
}

/** Answers with a file, or the range of it that is asked for. */
function answer(request: ScriptedRequest, response: ServerResponse, bytes: Uint8Array): void {
  const [, start, end] = /^bytes=([0-9]+)-([0-9]*)$/.exec(request.headers.range ?? '') ?? []
  if (start === undefined) {
    response.writeHead(200, { 'content-length': bytes.length }).end(bytes)
    return
  }
  const last = end === '' || end === undefined ? bytes.length - 1 : Number(end)
  const part = bytes.subarray(Number(start), last + 1)
  response.writeHead(206, { 'content-range': `bytes ${start}-${last}/${bytes.length}`, 'content-length': part.length }).end(part)
}

/** Starts everything. */
export async function kitWorld(options?: Parameters<typeof makeK3sFiles>[1]): Promise<KitWorld> {
  const registry = await startRegistry()
  const release = await seedRelease(registry.url, { images: k3sImages.filter(({ repository }) => /pause|klipper-lb/.test(repository)) })
  const files = new Map<string, Uint8Array>()
  const directory = await tempDir()
  const handler: ScriptedHandler = (request, response) => {
    const path = decodeURIComponent(request.url)
    if (world.before(request, response, path)) return
    const bytes = files.get(path)
    if (bytes === undefined) response.writeHead(404).end('Not Found')
    else answer(request, response, bytes)
  }
  const server = await scriptedServer(handler)
  const world: KitWorld = {
    registry,
    release,
    server,
    directory,
    files,
    before: () => false,
    places: {
      artifactUrl: `${server.url}/download`,
      releaseApiUrl: `${server.url}/api`,
      repositoryUrl: `${server.url}/raw`,
      selinuxApiUrl: `${server.url}/selinux`,
      from: { 'docker.io': registry.url },
      releases: [tag],
      retry: { baseDelay: 1, maxDelay: 1 },
    },
    addRelease(name, more) {
      const list = Buffer.from(release.list)
      const own = makeK3sFiles(name, { ...more, more: { 'k3s-images.txt': list, ...more?.more } })
      for (const [file, bytes] of Object.entries(own)) files.set(`/download/${name}/${file}`, bytes)
      files.set(`/api/tags/${name}`, Buffer.from(releaseDocument(name, own)))
      files.set(`/raw/${name}/install.sh`, Buffer.from(demoInstaller))
      files.set(`/raw/${name}/install.sh.sha256sum`, Buffer.from(checksumLine('install.sh', Buffer.from(demoInstaller))))
    },
    async create(name, given) {
      const file = `${directory.path}/${name}`
      const report = await createKit({ file, ...world.places, ...given }).report
      return { file, report }
    },
    async [Symbol.asyncDispose]() {
      for (const one of [server, registry, directory]) await one[Symbol.asyncDispose]()
    },
  }
  world.addRelease(tag, options)
  const rpm = 'k3s-selinux-1.6-1.el9.noarch.rpm'
  const version = 'v1.6.stable.1'
  files.set(`/selinux/download/${version}/${rpm}`, makePackage(rpm))
  files.set('/selinux/latest', Buffer.from(releaseDocument(version, { [rpm]: makePackage(rpm) }, `${server.url}/selinux/download`)))
  return world
}
