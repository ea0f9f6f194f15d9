import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import type { Layout } from '../../src/layout/layout.ts'
import { openLayout } from '../../src/layout/open-layout.ts'
import { createRegistryServer, type RegistryServer } from '../../src/registry-server/registry-server.ts'
import { k3sImages } from '../servers/release-shapes.ts'
import { runCli, startCli } from '../servers/run-cli.ts'
import { scriptedServer } from '../servers/scripted-server.ts'
import { seedRelease } from '../servers/seed-release.ts'
import { tempDir, type TempDir } from '../servers/temp-dir.ts'

const skip = existsSync('/dev/full') ? false : 'there is no /dev/full here'

describe('files about a run', { skip }, () => {
  let directory: TempDir
  let layout: Layout
  let server: RegistryServer
  let list: string
  let args: readonly string[]

  before(async () => {
    directory = await tempDir()
    layout = await openLayout(`${directory.path}/layout`, { durable: false })
    server = createRegistryServer({ layout, writable: true })
    const { url } = await server.listen('127.0.0.1', 0)
    const release = await seedRelease(url, { images: k3sImages.slice(0, 1) })
    list = release.list
    args = ['mirror', '--images', '-', '--from', `docker.io=${url}`, '--to', `${url}/mirror`]
  })

  after(async () => {
    await server[Symbol.asyncDispose]()
    await layout[Symbol.asyncDispose]()
    await directory[Symbol.asyncDispose]()
  })

  test('writes summary and report where events cannot be written', async () => {
    const path = `${directory.path}/report.json`
    const { status, stdout, stderr } = await runCli([...args, '--events', '/dev/full', '--report', path], { stdin: list })
    assert.equal(status, 1)
    assert.match(stdout, /1 image: /)
    assert.match(stderr, /^error: cannot write events to \/dev\/full: no space left on device \(LOCAL_IO\)$/m)
    assert.equal((JSON.parse(readFileSync(path, 'utf8')) as { totals: { failed: number } }).totals.failed, 0)
  })

  test('prints the summary where the report cannot be written', async () => {
    const { status, stdout, stderr } = await runCli([...args, '--report', '/dev/full'], { stdin: list })
    assert.equal(status, 1)
    assert.match(stdout, /^1 image is up to date$/m)
    assert.match(stderr, /^error: cannot write the report \/dev\/full: no space left on device \(LOCAL_IO\)$/m)
  })

  test('refuses to overwrite a file that the run reads or writes otherwise', async () => {
    const path = await directory.write('list.txt', list)
    for (const files of [
      ['--images', path, '--events', path],
      ['--images', path, '--report', path],
      ['--images', '-', '--events', `${directory.path}/x`, '--report', `${directory.path}/./x`],
    ]) {
      const { status, stderr } = await runCli([args[0] ?? '', ...args.slice(3), ...files], { stdin: list })
      assert.equal(status, 2, stderr)
      assert.match(stderr, /is named twice/)
    }
    assert.equal(readFileSync(path, 'utf8'), list)
  })

  test('reports a run that is stopped before it began as cancelled', async () => {
    await using hanging = await scriptedServer(() => new Promise(() => undefined))
    const { child, finished } = await startCli(['images', '--images', `${hanging.url}/list.txt`])
    while (hanging.requests.length === 0) await new Promise((resolve) => setImmediate(resolve))
    child.kill('SIGINT')
    const { status, stderr } = await finished
    assert.equal(status, 130)
    assert.equal(stderr, 'interrupted by SIGINT\n')
  })

  test('refuses a file whose directory cannot be created, before the run', async () => {
    const { status, stderr } = await runCli([...args.slice(0, -1), 'oci:/proc/x/y'], { stdin: list, timeout: 10_000 })
    assert.equal(status, 2)
    assert.match(stderr, /^error: cannot write \/proc\/x\/y: no such file or directory/m)
  })
})
