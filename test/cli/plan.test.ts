import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PlanReport } from '../../src/report/plan-report.ts'
import { startRegistry } from '../registry-server/start-registry.ts'
import { faultProxy } from '../servers/fault-proxy.ts'
import { plainRequest } from '../servers/http-request.ts'
import { k3sImages } from '../servers/release-shapes.ts'
import { runCli, type CliResult } from '../servers/run-cli.ts'
import { scriptedServer } from '../servers/scripted-server.ts'
import { seedRelease } from '../servers/seed-release.ts'

/** What two runs at different times have in common. */
const withoutTimes = (result: CliResult): CliResult => ({ ...result, stdout: result.stdout.replaceAll(/"20\d\d-[^"]+Z"/g, '""') })

test('plan prints what mirror would copy and writes nothing, as mirror --dry-run does', async () => {
  await using from = await startRegistry()
  await using to = await startRegistry()
  await using destination = await faultProxy(to.url)
  const release = await seedRelease(from.url, { images: k3sImages.slice(1, 4) })
  const run = (command: string, ...options: readonly string[]) => {
    const args = ['--images', '-', '--from', `docker.io=${from.url}`, '--to', `${destination.url}/mirror`]
    return runCli([command, ...args, ...options], { stdin: release.list })
  }
  const plan = await run('plan', '--output', 'json')
  assert.equal(plan.status, 0, plan.stderr)
  const report = JSON.parse(plan.stdout) as PlanReport
  assert.deepEqual([report.schemaVersion, report.command, report.destination], [1, 'plan', `${destination.url}/mirror`])
  const { totals } = report
  assert.deepEqual([totals.images, totals.new, totals.blobsToMove, totals.dockerHubPulls], [3, 3, release.blobs.size, 0])
  assert.deepEqual(
    report.images.map(({ source, digest, state }) => [source, digest, state]),
    release.images.map(({ reference, index }) => [reference, index.digest, 'new']),
  )
  assert.deepEqual(withoutTimes(await run('mirror', '--dry-run', '--output', 'json')), withoutTimes(plan))

  const text = await run('plan')
  assert.match(text.stdout, /^3 images: 3 new\nto copy: \d+ blobs, /m)
  assert.doesNotMatch(text.stdout, /Docker Hub/)
  assert.deepEqual(await run('mirror', '--dry-run'), text)
  assert.ok(destination.requests.every(({ method }) => method === 'HEAD' || method === 'GET'))

  const moved = JSON.parse((await run('mirror', '--output', 'json')).stdout) as { totals: { bytesCopied: number } }
  assert.equal(moved.totals.bytesCopied, totals.bytesToMove)
  const after = JSON.parse((await run('plan', '--output', 'json')).stdout) as PlanReport
  assert.deepEqual([after.totals.present, after.totals.bytesToMove], [3, 0])
})

test('plan prints the pull limit that a registry reports', async () => {
  await using from = await startRegistry()
  await using to = await startRegistry()
  const { list } = await seedRelease(from.url, { images: k3sImages.slice(1, 2) })
  await using limited = await scriptedServer(async ({ method, url, headers }, response) => {
    const answer = await plainRequest(`${from.url}${url}`, { method, headers: { accept: headers.accept ?? '*/*' } })
    response.writeHead(answer.status, { ...answer.headers, 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '76;w=21600' })
    response.end(answer.body)
  })
  const args = ['plan', '--images', '-', '--from', `docker.io=${limited.url}`, '--to', to.url]
  const text = await runCli(args, { stdin: list })
  assert.equal(text.status, 0, text.stderr)
  assert.match(text.stdout, /^docker\.io allows 100 pulls in 6h, 76 left$/m)
  const { rateLimits } = JSON.parse((await runCli([...args, '--output', 'json'], { stdin: list })).stdout) as PlanReport
  assert.deepEqual(rateLimits, [{ registry: 'docker.io', limit: 100, remaining: 76, windowSeconds: 21_600 }])
})

test('plan exits with 1 where an image cannot be planned, and prints the others', async () => {
  await using from = await startRegistry()
  await using to = await startRegistry()
  const { list } = await seedRelease(from.url, { images: k3sImages.slice(1, 2) })
  const args = ['plan', 'rancher/missing:1', '--images', '-', '--from', `docker.io=${from.url}`, '--to', to.url]
  const { status, stdout } = await runCli(args, { stdin: list })
  assert.equal(status, 1)
  assert.match(stdout, /^docker\.io\/rancher\/klipper-lb:v0\.4\.17 +new /m)
  assert.match(stdout, /^FAILED docker\.io\/rancher\/missing:1 .*\(NOT_FOUND\)$/m)
})
