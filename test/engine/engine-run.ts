import type { MirrorEvent } from '../../src/copy/events.ts'
import type { ImageReport, MirrorReport } from '../../src/report/report.ts'
import { mirror } from '../../src/runs/mirror.ts'
import type { MirrorOptions } from '../../src/runs/options.ts'
import type { EngineScript } from '../servers/engine-script.ts'
import { memoryRegistry, type MemoryRegistry } from '../servers/memory-registry.ts'
import { startScriptedEngine, type ScriptedEngine } from '../servers/scripted-engine.ts'
import { dockerImage } from './docker-image.ts'

/** A run through a scripted Engine into a registry in memory. */
export interface EngineRun extends AsyncDisposable {
  readonly engine: ScriptedEngine
  readonly registry: MemoryRegistry
  /** Mirrors `docker.io/rancher/x:1` for linux/amd64, or what the options say, with short waits. */
  run(options?: Partial<MirrorOptions>): Promise<EngineRunResult>
}

/** What came of a run. */
export interface EngineRunResult {
  readonly report: MirrorReport
  readonly events: readonly MirrorEvent[]
  /** The first image of the report. */
  readonly image: ImageReport
}

/** The image that most runs are about. */
export const reference = 'docker.io/rancher/x:1'

/** Starts both; the Engine pulls an image that is made up for each platform, and its pushes reach the registry. */
export async function engineRun(script: EngineScript = {}): Promise<EngineRun> {
  const registry = await memoryRegistry()
  const engine = await startScriptedEngine({
    platforms: {
      [reference]: [
        { os: 'linux', architecture: 'amd64' },
        { os: 'linux', architecture: 'arm64' },
      ],
    },
    onPull: ({ platform }) => dockerImage(platform).pulled,
    onPush: ({ repository, tag, image }) => {
      const { pushed, digest } = dockerImage([image.Os, image.Architecture, image.Variant].filter(Boolean).join('/'))
      registry.hold(repository.slice(repository.indexOf('/') + 1), tag, pushed)
      return digest
    },
    ...script,
  })
  return {
    engine,
    registry,
    async run(options = {}) {
      const run = mirror({
        references: [reference],
        to: registry.url,
        via: 'docker',
        dockerHost: engine.host,
        platforms: ['linux/amd64'],
        retry: { retries: 3, baseDelay: 1, maxDelay: 2 },
        ...options,
      })
      const events: MirrorEvent[] = []
      for await (const event of run) events.push(event)
      const report = await run.report
      const [image] = report.images
      if (image === undefined) throw new Error('the report has no image')
      return { report, events, image }
    },
    async [Symbol.asyncDispose]() {
      await engine[Symbol.asyncDispose]()
      await registry[Symbol.asyncDispose]()
    },
  }
}
