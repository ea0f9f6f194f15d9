import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { runCli } from '../servers/run-cli.ts'
import { tempDir } from '../servers/temp-dir.ts'
import { oneImage } from './one-image.ts'

describe('report merge', () => {
  it('names what failed in any shard, with exit code 1', async () => {
    await using registries = await oneImage()
    await using directory = await tempDir()
    const reports = [1, 2].map((index) => `${directory.path}/${index}.json`)
    for (const [at, report] of reports.entries())
      await registries.run(['docker.io/gone/app:1', '--retries', '0', '--shard', `${at + 1}/2`, '--report', report])
    const { status, stdout } = await runCli(['report', 'merge', ...reports])
    assert.equal(status, 1)
    assert.match(stdout, /^FAILED docker\.io\/gone\/app:1 not found: .*\(NOT_FOUND\)$/m)
    assert.match(stdout, /^2 images: 1 copied, 1 failed$/m)
    assert.match(stdout, /^2 shards, 1 image each; shard \d took longest: /m)
  })

  it('refuses a missing shard, a run that did not begin, and a report that it would overwrite', async () => {
    await using registries = await oneImage()
    await using directory = await tempDir()
    const refused = async (files: readonly string[], message: RegExp): Promise<void> => {
      const { status, stdout, stderr } = await runCli(['report', 'merge', ...files])
      assert.deepEqual([status, stdout, message.test(stderr)], [2, '', true], stderr)
    }
    const first = `${directory.path}/first.json`
    await registries.run(['--shard', '1/2', '--report', first])
    await refused([first], /the report of shard 2 of 2 is missing/)
    const failed = `${directory.path}/failed.json`
    await runCli(['mirror', '--images', `${directory.path}/gone.txt`, '--to', 'localhost:1', '--shard', '2/2', '--report', failed])
    await refused([first, failed], /failed\.json is of a run that did not begin: .*no such file/)
    const before = await readFile(first, 'utf8')
    const both = [
      { args: ['report', 'merge', first, '--report', first] },
      { args: ['report', 'merge', first], env: { K3S_MIRROR_REPORT: first } },
      { args: ['verify', '--to', 'localhost:1', 'docker.io/p/app:1', `--expect=${first}`, '--report', first] },
      { args: ['report', 'merge', first, '--report', first, '--unknown'] },
    ]
    for (const { args, env } of both) {
      const { status, stderr } = await runCli(args, env && { env })
      assert.deepEqual([status, /named twice|unknown option/.test(stderr)], [2, true], stderr)
      assert.equal(await readFile(first, 'utf8'), before)
    }
  })
})
