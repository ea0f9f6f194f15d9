import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { tinyImage } from '../layout/tiny-image.ts'
import { startDockerRegistry } from '../servers/docker-registry.ts'
import { memoryRegistry } from '../servers/memory-registry.ts'
import { runCli, startCli } from '../servers/run-cli.ts'
import { tempDir } from '../servers/temp-dir.ts'

interface EventLine {
  readonly type: string
  readonly to: string
}

/** The events of whole lines. */
function eventsOf(text: string): readonly EventLine[] {
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as EventLine)
}

async function sourceRegistry() {
  const source = await memoryRegistry()
  source.hold('rancher/a', '1', tinyImage(randomBytes(20_000_000)))
  source.hold('rancher/b', '1', tinyImage())
  return source
}

const images = ['mirror', 'rancher/a:1', 'rancher/b:1', '--retries', '0']

test('completes one destination while the other is killed, and reports which', async () => {
  await using source = await sourceRegistry()
  await using killed = await startDockerRegistry()
  await using good = await memoryRegistry()
  await using dir = await tempDir()
  const report = join(dir.path, 'report.json')
  const from = ['--from', `*=${source.url}`]
  const { child, finished } = await startCli([
    ...images,
    ...from,
    '--to',
    killed.url,
    '--to',
    good.url,
    '--report',
    report,
    '--events',
    '-',
  ])
  let isAlive = true
  let text = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString()
    if (
      isAlive &&
      text.includes(`"blob-progressed"`) &&
      eventsOf(text).some(({ type, to }) => type === 'blob-progressed' && to === killed.url)
    ) {
      isAlive = process.kill(killed.pid, 'SIGKILL') && false
    }
  })
  const { status, stdout, stderr } = await finished
  assert.equal(status, 1, stderr)
  assert.equal(isAlive, false)
  assert.deepEqual([...new Set(eventsOf(stdout).map(({ to }) => to))].toSorted(), [killed.url, good.url].toSorted())
  const { command, destinations } = JSON.parse(await readFile(report, 'utf8')) as {
    readonly command: string
    readonly destinations: readonly {
      readonly destination: string
      readonly totals: { readonly copied: number; readonly failed: number }
    }[]
  }
  assert.equal(command, 'mirror')
  assert.deepEqual(destinations[1]?.totals.copied, 2)
  assert.ok((destinations[0]?.totals.failed ?? 0) > 0 && destinations[0]?.destination === killed.url)
  assert.match(stderr, new RegExp(`^copied docker.io/rancher/a:1 -> ${good.url} `, 'm'))
  assert.match(stderr, new RegExp(`^(FAILED|error:) ${killed.url}: `, 'm'))
  assert.doesNotMatch(stderr, new RegExp(`^(FAILED|error:) ${good.url}: `, 'm'))
})

test('prints the summary of each destination, and a plan for each', async () => {
  await using source = await sourceRegistry()
  await using good = await memoryRegistry()
  await using dir = await tempDir()
  const from = ['--from', `*=${source.url}`]
  const to = ['--to', good.host, '--to', 'oci:site']
  const plan = await runCli([...images, ...from, ...to, '--dry-run'], { cwd: dir.path })
  assert.equal(plan.status, 0, plan.stderr)
  assert.match(plan.stdout, new RegExp(`^destination: ${good.host}$[^]*^destination: oci:site$`, 'm'))
  assert.equal(source.count('manifest-get'), 2)
  const copied = await runCli([...images, ...from, '--quiet', '--output', 'json', ...to], { cwd: dir.path })
  assert.equal(copied.status, 0, copied.stderr)
  assert.equal((JSON.parse(copied.stdout) as { readonly totals: { readonly copied: number } }).totals.copied, 4)
  const again = await runCli([...images, ...from], { cwd: dir.path, env: { K3S_MIRROR_TO: `${good.host}\n oci:site` } })
  assert.equal(
    again.stdout,
    `${good.host}: all 2 images are up to date\noci:site: all 2 images are up to date\nall 2 destinations are complete\n`,
  )
})

test('ends with 130 and interrupted reports of every destination', async () => {
  await using source = await sourceRegistry()
  const intercept = ({ kind }: { readonly kind: string }): Promise<boolean> | boolean =>
    kind === 'upload-put' && new Promise(() => undefined)
  await using first = await memoryRegistry(intercept)
  await using second = await memoryRegistry(intercept)
  const args = [...images, '--from', `*=${source.url}`, '--to', first.url, '--to', second.url, '--output', 'json', '--verbose']
  const { child, finished } = await startCli(args)
  let isAlive = true
  let text = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    text += chunk.toString()
    if (isAlive && /^start /m.test(text)) isAlive = child.kill('SIGINT') && false
  })
  const { status, stdout, stderr } = await finished
  assert.equal(status, 130, stderr)
  const { destinations } = JSON.parse(stdout) as { readonly destinations: readonly { readonly interrupted?: boolean }[] }
  assert.deepEqual(
    destinations.map(({ interrupted }) => interrupted),
    [true, true],
  )
})
