import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import addFormats from 'ajv-formats'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import type { PlanReport } from '../../src/report/plan-report.ts'
import type { MirrorReport } from '../../src/report/report.ts'
import { memoryRegistry, type MemoryRegistry } from '../servers/memory-registry.ts'
import { k3sImages } from '../servers/release-shapes.ts'
import { runCli, type CliResult } from '../servers/run-cli.ts'
import { pushRelease, makeRelease } from '../servers/seed-release.ts'
import { tempDir, type TempDir } from '../servers/temp-dir.ts'
import { readXml } from './output/read-xml.ts'

/** Compiles a schema of the package. */
async function compile(name: string): Promise<ValidateFunction> {
  const path = fileURLToPath(new URL(`../../schemas/${name}.schema.json`, import.meta.url))
  const ajv = new Ajv2020({ strict: true, strictRequired: false, allErrors: true })
  addFormats.default(ajv)
  return ajv.compile(JSON.parse(await readFile(path, 'utf8')) as object)
}

describe('pipelines', () => {
  let from: MemoryRegistry
  let to: MemoryRegistry
  let directory: TempDir
  let isReport: ValidateFunction
  let isEvent: ValidateFunction
  let sequence = 0
  const release = makeRelease({ images: k3sImages.slice(0, 3) })
  const names = release.images.map(({ reference }) => reference)

  before(async () => {
    ;[from, to] = await Promise.all([memoryRegistry(), memoryRegistry()])
    await pushRelease(from.url, release)
    directory = await tempDir()
    ;[isReport, isEvent] = await Promise.all([compile('report'), compile('event')])
  })
  after(() => Promise.all([from, to, directory].map((one) => one[Symbol.asyncDispose]())))

  const run = (command: string, ...args: readonly string[]): Promise<CliResult> =>
    runCli([...command.split(' '), ...names, '--from', `docker.io=${from.url}`, ...args], { cwd: directory.path })
  const prefix = (): string => `${to.url}/p${++sequence}`
  const requireValid = (validate: ValidateFunction, document: unknown): void => {
    assert.ok(validate(document), JSON.stringify(validate.errors?.slice(0, 5)))
  }

  it('exits with 5 only after a change, and reads no more for a report of platforms', async () => {
    const at = prefix()
    const statuses: (number | null)[] = []
    for (const command of ['plan', 'mirror', 'plan', 'mirror'])
      statuses.push((await run(command, '--to', at, '--detailed-exitcode')).status)
    assert.deepEqual(statuses, [5, 5, 0, 0])
    assert.equal((await run('plan', '--to', prefix())).status, 0, 'only with --detailed-exitcode')

    const before = [from.requests.length, to.requests.length] as const
    const { images } = JSON.parse((await run('mirror', '--to', at, '--output', 'json')).stdout) as MirrorReport
    assert.deepEqual(
      images.map(({ platforms }) => platforms.slice(0, 2)),
      names.map(() => ['linux/amd64', 'linux/arm64']),
    )
    const kinds = [...from.kinds().slice(before[0]), ...to.kinds().slice(before[1])]
    assert.deepEqual(kinds.toSorted(), [...names.map(() => 'manifest-get'), ...names.map(() => 'manifest-head')])
    // Registries count a GET as a pull.
    await run('mirror', '--to', at)
    assert.deepEqual(
      to.kinds().slice(-names.length),
      names.map(() => 'manifest-head'),
    )
  })

  it('reports state, endpoints, times and tool, and the platforms of every image', async () => {
    const at = prefix()
    const started = new Date().toISOString()
    const first = JSON.parse((await run('mirror', '--to', at, '--output', 'json')).stdout) as MirrorReport
    const second = JSON.parse((await run('plan', '--to', at, '--output', 'json')).stdout) as PlanReport
    assert.ok(started <= first.startedAt && first.startedAt <= first.finishedAt && first.finishedAt <= second.startedAt)
    assert.deepEqual(
      first.images.map(({ state, sourceEndpoint }) => [state, sourceEndpoint]),
      names.map(() => ['new', from.url]),
    )
    assert.deepEqual(
      second.images.map(({ state, sourceEndpoint }) => [state, sourceEndpoint]),
      names.map(() => ['present', from.url]),
    )
    assert.deepEqual(second.images[0]?.platforms, first.images[0]?.platforms)
  })

  it('writes documents that match the schema, for every command, also for a run that cannot begin', async () => {
    const at = prefix()
    const commands = [
      ['mirror', '--to', at],
      ['mirror', '--to', 'http://127.0.0.1:1', '--retries', '0'],
      ['mirror', '--to', 'ftp://x'],
      ['mirror', 'rancher/missing:1', '--to', at],
      ['plan', 'rancher/missing:1', '--to', prefix()],
      ['verify', '--to', at],
      ['verify', 'rancher/missing:1', '--to', at],
      ['bundle create k.tar'],
    ]
    for (const [command = '', ...args] of commands) {
      const { stdout } = await run(command, ...args, '--output', 'json', '--report', 'report.json')
      requireValid(isReport, JSON.parse(stdout))
      assert.equal(await readFile(`${directory.path}/report.json`, 'utf8'), stdout)
    }
    const pushed = await runCli(['bundle', 'push', `${directory.path}/k.tar`, '--to', prefix(), '--output', 'json'])
    requireValid(isReport, JSON.parse(pushed.stdout))
    assert.ok(!isReport({ schemaVersion: 1, command: 'mirror', images: [] }), 'a schema that accepts everything')
  })

  it('writes events that match the schema, and the progress of the whole run before its end', async () => {
    const { stdout } = await run('mirror', '--to', prefix(), '--events', '-', '--quiet')
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { readonly type: string })
    for (const event of events) requireValid(isEvent, event)
    const [progress, end] = events.slice(-2)
    assert.equal(end?.type, 'run-finished')
    const { bytes, totalBytes, images, totalImages } = progress as Record<string, unknown>
    assert.deepEqual([progress?.type, bytes, images], ['run-progressed', totalBytes, totalImages])
    assert.ok(Number(bytes) > 0)
  })

  it('prints junit and markdown on standard output, also with --quiet, and annotations on standard error', async () => {
    const at = prefix()
    const failed = await run('mirror', 'rancher/missing:1', '--to', at, '--output', 'junit', '--quiet', '--annotate', 'github')
    assert.equal(failed.status, 1)
    assert.equal(readXml(failed.stdout).attributes['failures'], '1')
    assert.match(failed.stderr, /^::error title=k3s-mirror mirror%3A 1 image failed::docker\.io\/rancher\/missing:1 not found/m)
    const planned = await run('plan', '--to', at, '--output', 'markdown', '--annotate', 'gitlab')
    assert.match(planned.stdout, /^## k3s-mirror plan\n\n\*\*all 3 images are up to date\*\*\n/)
    assert.equal(planned.stderr, '')
    const none = await run('mirror', '--to', 'ftp://x', '--output', 'junit', '--annotate', 'github')
    assert.equal(none.status, 2)
    assert.equal(readXml(none.stdout).attributes['failures'], '1')
    assert.match(none.stderr, /^::error title=k3s-mirror mirror failed::invalid --to/m)
  })
})
