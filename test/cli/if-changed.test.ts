import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import type { PlanReport } from '../../src/report/plan-report.ts'
import type { MirrorReport } from '../../src/report/report.ts'
import { requireServer } from '../servers/require-server.ts'
import { runCli } from '../servers/run-cli.ts'
import { mirroredRelease } from './mirrored-release.ts'

test('reports a replaced tag, and with --if-changed leaves it as it is', async (t) => {
  if (!requireServer(t, 'docker-registry')) return
  await using line = await mirroredRelease()
  const { image, references, to } = line
  const [name = '', other = ''] = [image, line.release.images.find((one) => one !== image)].map(
    (one) => `${line.from.host}/${one?.repository}:${one?.tag}`,
  )
  const moved = image.manifests[0]?.digest ?? ''
  await line.moveTag(moved)
  const tagLink = `${to.rootDirectory}/docker/registry/v2/repositories/mirror/${image.repository}/_manifests/tags/${image.tag}/current/link`
  const current = (): Promise<string> => readFile(tagLink, 'utf8')
  const run = (command: string, ...more: readonly string[]) => runCli([command, ...references, '--to', `${to.url}/mirror`, ...more])
  const reportOf = async (...more: readonly string[]) => {
    const { status, stdout } = await run('mirror', '--output', 'json', ...more)
    const { images, totals } = JSON.parse(stdout) as MirrorReport
    const found = images.find(({ source }) => source === name)
    return { status, totals, found, other: images.find(({ source }) => source === other)?.status }
  }

  await t.test('fail: exit code 3, and nothing is written under the tag', async () => {
    const { status, totals, found, other } = await reportOf('--if-changed', 'fail')
    assert.deepEqual([status, found?.status, found?.error?.code, other], [3, 'failed', 'TAG_MOVED', 'up-to-date'])
    assert.equal(totals.bytesCopied, 0)
    assert.equal(await current(), moved)
    const { status: text, stderr } = await run('mirror', '--if-changed', 'fail')
    assert.equal(text, 3)
    assert.match(stderr, new RegExp(`the tag has moved: the destination has ${moved}, the source ${image.index.digest}`))
    assert.match(stderr, /pass --if-changed replace to overwrite the tag, or --if-changed skip to keep it/)
  })

  await t.test('skip: exit code 0, and the tag stays', async () => {
    const { status, totals, found } = await reportOf('--if-changed', 'skip')
    assert.deepEqual([status, found?.status, found?.previousDigest, found?.digest], [0, 'skipped', moved, image.index.digest])
    assert.deepEqual([totals.skipped, totals.upToDate, totals.bytesCopied], [1, 1, 0])
    assert.equal(await current(), moved)
    const { stderr, stdout } = await run('mirror', '--if-changed', 'skip')
    assert.ok(stderr.includes(`skipped ${name}: the destination keeps ${moved}\n`), stderr)
    assert.match(stdout, /^2 images: 1 up to date, 1 skipped$/m)
  })

  await t.test('plan shows what each choice would do', async () => {
    const planned = async (choice: string) => {
      const { status, stdout } = await run('plan', '--output', 'json', '--if-changed', choice)
      return { status, ...(JSON.parse(stdout) as PlanReport) }
    }
    const { totals, images } = await planned('replace')
    assert.deepEqual([totals.changed, images.find(({ source }) => source === name)?.previousDigest], [1, moved])
    assert.deepEqual((await planned('skip')).totals.skipped, 1)
    const refused = await planned('fail')
    assert.deepEqual([refused.status, refused.failures.map(({ error }) => error.code)], [3, ['TAG_MOVED']])
  })

  await t.test('replace: the report has the digest before, and the tag is the source again', async () => {
    const { status, stdout, stderr } = await run('mirror')
    assert.equal(status, 0)
    assert.ok(stderr.includes(`replaced ${name} (was ${moved}, `), stderr)
    assert.match(stdout, /^2 images: 1 replaced, 1 up to date$/m)
    assert.equal(await current(), image.index.digest)
    await line.moveTag(moved)
    const { totals, found } = await reportOf()
    assert.deepEqual([found?.status, found?.previousDigest, totals.replaced, totals.copied], ['replaced', moved, 1, 0])
  })
})

test('refuses to decide about moved tags through a Docker Engine', async () => {
  const { status, stderr } = await runCli(['mirror', 'docker.io/a/b:1', '--to', 'r.example', '--via', 'docker', '--if-changed', 'fail'])
  assert.equal(status, 2)
  assert.match(stderr, /--if-changed fail is unsupported with --via docker: an Engine reports the digest only after the push/)
})
