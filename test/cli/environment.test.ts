import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runCli } from '../servers/run-cli.ts'
import { oneImage } from './one-image.ts'

const images = (env: Readonly<Record<string, string>>, ...args: readonly string[]): ReturnType<typeof runCli> =>
  runCli(['images', 'docker.io/a/b:1', 'docker.io/c/d:1', 'docker.io/e/f:1', ...args], { env })

test('a variable sets an option, and whitespace separates values', async () => {
  const { status, stdout, stderr } = await images({ K3S_MIRROR_INCLUDE: ' */a/b:*\n*/c/d:* ', K3S_MIRROR_OUTPUT: 'json' })
  assert.deepEqual([status, stderr], [0, ''])
  assert.deepEqual((JSON.parse(stdout) as { images: unknown }).images, ['docker.io/a/b:1', 'docker.io/c/d:1'])
})

test('an option on the command line replaces the variable, an invalid one too', async () => {
  const env = { K3S_MIRROR_INCLUDE: '*/a/b:*', K3S_MIRROR_OUTPUT: 'yaml' }
  const { status, stdout, stderr } = await images(env, '--include', '*/c/d:*', '--output', 'text')
  assert.deepEqual([status, stdout, stderr], [0, 'docker.io/c/d:1\n', ''])
})

test('an empty variable is not set, and help needs no valid one', async () => {
  assert.equal((await images({ K3S_MIRROR_INCLUDE: '', K3S_MIRROR_OUTPUT: '' })).status, 0)
  assert.equal((await runCli(['mirror', '--help'], { env: { K3S_MIRROR_JOBS: 'x' } })).status, 0)
})

test('a required option and a switch come from the environment', async () => {
  await using registries = await oneImage()
  const env = { K3S_MIRROR_TO: registries.destination.url, K3S_MIRROR_FROM: `docker.io=${registries.source.url}`, K3S_MIRROR_QUIET: '1' }
  const { status, stdout, stderr } = await runCli(['mirror', 'docker.io/acme/app:1'], { env })
  assert.deepEqual([status, stdout, stderr], [0, '', ''])
  const loud = await runCli(['mirror', 'docker.io/acme/app:1'], { env: { ...env, K3S_MIRROR_QUIET: 'false' } })
  assert.match(loud.stdout, /1 up to date|up to date/)
})

const mistakes: readonly (readonly [env: Readonly<Record<string, string>>, error: RegExp])[] = [
  [{ K3S_MIRROR_JOBS: '0' }, /^error: invalid value "0" for K3S_MIRROR_JOBS: expected a whole number/],
  [{ K3S_MIRROR_QUIET: 'yes' }, /^error: invalid value "yes" for K3S_MIRROR_QUIET: expected true, false, 1 or 0/],
  [{ K3S_MIRROR_NO_PROGRESS: 'on' }, /^error: invalid value "on" for K3S_MIRROR_NO_PROGRESS/],
  [{ K3S_MIRROR_OUTPUT: 'yaml' }, /^error: invalid value "yaml" for K3S_MIRROR_OUTPUT: expected text, json/],
  [{ K3S_MIRROR_TO: '/srv/x' }, /^error: invalid K3S_MIRROR_TO "\/srv\/x"/],
  [{ K3S_MIRROR_TO: 'a.example', K3S_MIRROR_LIST_SHA256: 'zz' }, /^error: K3S_MIRROR_LIST_SHA256 /],
  [{ K3S_MIRROR_TO: 'a.example', K3S_MIRROR_USERNAME: 'robot' }, /^error: K3S_MIRROR_USERNAME is set, but K3S_MIRROR_PASSWORD is not/],
  [{ K3S_MIRROR_TO: 'a.example', K3S_MIRROR_USERNAME: 'robot', K3S_MIRROR_PASSWORD: '' }, /K3S_MIRROR_PASSWORD is not/],
  [{ K3S_MIRROR_TO: 'a.example', K3S_MIRROR_PASSWORD: 'canary' }, /^error: K3S_MIRROR_PASSWORD is set, but K3S_MIRROR_USERNAME is not/],
]

for (const [env, error] of mistakes) {
  test(`names the variable of ${Object.entries(env).at(-1)?.join('=')}`, async () => {
    const { status, stderr } = await runCli(['mirror', 'rancher/x:1'], { env })
    assert.equal(status, 2, stderr)
    assert.match(stderr, error)
    assert.match(stderr, /\(USAGE\)\nhint: .+\n$/)
    assert.doesNotMatch(stderr, /canary/)
  })
}

test('a misspelled variable is a warning with the one that was meant', async () => {
  const { status, stderr } = await images({ K3S_MIRROR_PLATFROM: 'linux/amd64', K3S_MIRROR_SOMETHING_ELSE: '1', K3S_MIRROR_JOBS: '4' })
  assert.equal(status, 0)
  assert.equal(
    stderr,
    'warning: unknown environment variable K3S_MIRROR_PLATFROM is ignored. Did you mean K3S_MIRROR_PLATFORM?\n' +
      'warning: unknown environment variable K3S_MIRROR_SOMETHING_ELSE is ignored\n',
  )
})

test('the user name of the destination is not that of nodes', async () => {
  const env = { K3S_MIRROR_USERNAME: 'robot-of-the-mirror', K3S_MIRROR_PASSWORD: 'secret-of-the-mirror' }
  const { status, stdout, stderr } = await runCli(['registries', 'generate', 'rancher/x:1', '--to', 'a.example'], { env })
  assert.equal(status, 0, stderr)
  assert.doesNotMatch(stdout, /of-the-mirror/)
})

test('a variable that is a switch of one command and has values in another is read by the command that it suits', async () => {
  const kept = await runCli(['mirror', '--to', 'localhost:1'], { env: { K3S_MIRROR_KEEP: 'stable v1.36' } })
  assert.doesNotMatch(kept.stderr, /K3S_MIRROR_KEEP/)
  const pruned = await runCli(['prune', '--to', 'localhost:1'], { env: { K3S_MIRROR_KEEP: 'true' } })
  assert.match(pruned.stderr, /missing required option --keep/)
})
