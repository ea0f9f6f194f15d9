import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { MirrorReport } from '../../src/report/report.ts'
import { compareRelease } from '../servers/compare-release.ts'
import { startDockerRegistry } from '../servers/docker-registry.ts'
import { faultProxy, type Fault, type FaultRule } from '../servers/fault-proxy.ts'
import { k3sImages } from '../servers/release-shapes.ts'
import { requireServer } from '../servers/require-server.ts'
import { runCli, type CliResult } from '../servers/run-cli.ts'
import { seedRelease } from '../servers/seed-release.ts'

/** Numbers that look random and are the same in every run. */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

function often(share: number, fault: Fault): FaultRule {
  const random = randomNumbers(7)
  return () => (random() < share ? fault : undefined)
}

const throttled: Fault = { fault: 'answer', status: 429, headers: { 'retry-after': '1' }, body: '{"errors":[{"code":"TOOMANYREQUESTS"}]}' }

interface Line {
  readonly source?: FaultRule
  readonly destination?: FaultRule
  readonly scale?: number
  /** Images of the release; default: all. */
  readonly images?: number
}

async function runOver(
  t: TestContext,
  line: Line,
  check: (result: CliResult, report: MirrorReport, compare: () => Promise<void>) => Promise<void>,
) {
  if (!requireServer(t, 'docker-registry')) return
  await using from = await startDockerRegistry()
  await using to = await startDockerRegistry()
  const release = await seedRelease(from.url, { scale: line.scale ?? 0.001, images: k3sImages.slice(0, line.images) })
  await using source = await faultProxy(from.url, line.source)
  await using destination = await faultProxy(to.url, line.destination)
  const args = ['mirror', '--images', '-', '--from', `docker.io=${source.url}`, '--to', `${destination.url}/mirror`, '--output', 'json']
  const result = await runCli(args, { stdin: release.list, timeout: 300_000 })
  await check(result, JSON.parse(result.stdout) as MirrorReport, () => compareRelease(to.url, 'mirror/', release))
}

const lines: Readonly<Record<string, Line>> = {
  'a source that answers 429 to half of the requests': { source: often(0.5, throttled), images: 3 },
  'a destination that answers 429 to half of the requests': { destination: often(0.5, throttled), images: 3 },
  'a source that answers 500 to a third of the requests': { source: often(1 / 3, { fault: 'answer', status: 500 }) },
  'a destination that answers 503 to a third of the requests': { destination: often(1 / 3, { fault: 'answer', status: 503 }), images: 3 },
  'a source that drops every blob after 300 kB': {
    source: ({ kind }) => (kind === 'blob-get' ? { fault: 'drop-response', after: 300_000 } : undefined),
    scale: 0.05,
  },
  'one flipped bit': {
    source: ({ kind }, { kinds }) => (kind === 'blob-get' && kinds['blob-get'] === 5 ? { fault: 'flip-bit', at: 100 } : undefined),
  },
  'a destination that drops the first two uploads midway': {
    destination: ({ kind }, { kinds }) =>
      kind === 'upload-put' && kinds['upload-put'] <= 2 ? { fault: 'drop-request', after: 50 } : undefined,
  },
  'a destination that stores manifests but answers 500': {
    destination: ({ kind }) => (kind === 'manifest-put' ? { fault: 'answer-after', status: 500 } : undefined),
  },
}

for (const [name, line] of Object.entries(lines)) {
  test(`completes over ${name}`, (t) =>
    runOver(t, line, async ({ status, stderr }, report, compare) => {
      assert.equal(status, 0, stderr)
      assert.equal(report.totals.failed, 0)
      assert.equal(report.totals.copied, report.images.length)
      await compare()
    }))
}

test('exits with 3 where a bit always flips, without publishing that image, and copies the others', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using from = await startDockerRegistry()
  await using to = await startDockerRegistry()
  const release = await seedRelease(from.url)
  const [bad, ...good] = release.images
  assert.ok(bad)
  const digest = bad.manifests[0]?.layers.at(-1)?.digest ?? ''
  await using source = await faultProxy(from.url, ({ kind, path }) =>
    kind === 'blob-get' && path.endsWith(digest) ? { fault: 'flip-bit', at: 10 } : undefined,
  )
  const args = ['mirror', '--images', '-', '--from', `docker.io=${source.url}`, '--to', to.url, '--output', 'json']
  const { status, stdout, stderr } = await runCli(args, { stdin: release.list })
  const report = JSON.parse(stdout) as MirrorReport
  assert.equal(status, 3, stderr)
  const failed = report.images.filter((image) => image.status === 'failed')
  assert.deepEqual(
    failed.map(({ source: reference, error }) => [reference, error?.code]),
    [[bad.reference, 'INTEGRITY']],
  )
  await compareRelease(to.url, '', { ...release, images: good })
  const tag = await fetch(`${to.url}/v2/${bad.repository}/manifests/${bad.tag}`, { method: 'HEAD' })
  assert.equal(tag.status, 404)
})
