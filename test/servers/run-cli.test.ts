import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { runCli, startCli } from './run-cli.ts'
import { tempDir } from './temp-dir.ts'

test('the built program runs and gives its version', async () => {
  const { status, stdout, stderr } = await runCli(['--version'])
  assert.deepEqual([status, stderr], [0, ''])
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/)
})

test('a running program can be ended', async () => {
  const { child, finished } = await startCli(['--help'])
  child.kill('SIGKILL')
  assert.equal((await finished).signal, 'SIGKILL')
})

test('a temporary directory is removed with what is in it', async () => {
  let path: string
  {
    await using directory = await tempDir()
    path = await directory.write('file', 'text')
    assert.ok(existsSync(path))
  }
  assert.equal(existsSync(path), false)
})
