import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import * as CycloneDX from '@cyclonedx/cyclonedx-library'
import { nodeVersion } from '../../scripts/package/targets.ts'
import { executableFile, requireServer } from '../servers/require-server.ts'

const directory = dirname(executableFile)

/** What the executable prints; variables are added to an empty environment. */
async function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<{ stdout: string; stderr: string }> {
  return promisify(execFile)(executableFile, args, { env })
}

test('arguments that Node has too reach the program', async (t) => {
  if (!requireServer(t, 'executable')) return
  assert.match((await run(['--help'])).stdout, /^Usage: k3s-mirror <command>/)
  assert.match((await run(['--version'])).stdout, /^\d+\.\d+\.\d+\n$/)
  for (const option of ['--eval=1', '--inspect', '--max-old-space-size=10']) {
    await assert.rejects(run([option]), (error: Error & { code?: number; stderr?: string }) => {
      assert.deepEqual([error.code, error.stderr?.includes(`unknown option "${option.replace(/=.*/, '')}`)], [2, true], error.stderr)
      return true
    })
  }
})

test('NODE_OPTIONS configures the embedded Node, and nothing is printed about it', async (t) => {
  if (!requireServer(t, 'executable')) return
  const { stdout, stderr } = await run(['version'], { NODE_OPTIONS: '--max-old-space-size=256 --require=data:,' }).catch(
    (error: Error & { stderr?: string }) => ({
      stdout: '',
      stderr: error.stderr ?? '',
    }),
  )
  assert.match(stderr, /data:,/)
  assert.equal(stdout, '')
  const plain = await run(['version'], { NODE_OPTIONS: '--max-old-space-size=256' })
  assert.equal(plain.stderr, '')
  assert.match(plain.stdout, new RegExp(`Node\\.js ${nodeVersion}\\n$`))
})

test('the bill of materials is valid CycloneDX, and names Node and what the bundle contains', async (t) => {
  if (!requireServer(t, 'executable')) return
  const text = await readFile(`${directory}/k3s-mirror.cdx.json`, 'utf8')
  assert.equal(await new CycloneDX.Validation.JsonStrictValidator(CycloneDX.Spec.Version.v1dot5).validate(text), null)
  const { components } = JSON.parse(text) as { components: readonly { name: string; version: string }[] }
  const names = new Set(components.map(({ name }) => name))
  for (const name of ['node', 'commander', 'yaml', 'dockerode', 'bcryptjs']) assert.ok(names.has(name), name)
  for (const name of ['typescript', 'ssh2', 'zstd-wasm']) assert.ok(!names.has(name), name)
  const notices = await readFile(`${directory}/THIRD-PARTY-NOTICES.txt`, 'utf8')
  for (const { name, version } of components) assert.ok(notices.includes(`${name === 'node' ? 'Node.js' : name} ${version}`), name)
})

test('SHA256SUMS lists every file with its checksum', async (t) => {
  if (!requireServer(t, 'executable')) return
  const sums = await readFile(`${directory}/SHA256SUMS`, 'utf8')
  for (const line of sums.trimEnd().split('\n')) {
    const [sum, file] = line.split('  ') as [string, string]
    assert.equal(
      createHash('sha256')
        .update(await readFile(`${directory}/${file}`))
        .digest('hex'),
      sum,
      file,
    )
  }
})
