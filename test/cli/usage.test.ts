import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runCli } from '../servers/run-cli.ts'

const selection = ['--release', '--images', '--include', '--exclude', '--artifact-url', '--channel-url', '--list-sha256']
const places = ['--to', '--from', '--registries', '--token-host', '--platform', '--sparse', '--rewrite', '--flatten', '--foreign-layers']
const pace = ['--recheck', '--jobs', '--blob-jobs', '--retries', '--timeout']
const output = ['--output', '--quiet', '--verbose']
const commands: Readonly<Record<string, readonly string[]>> = {
  images: [...selection, '--registries', ...output],
  plan: [...selection, ...places, ...output, '--report'],
  mirror: [...selection, ...places, ...pace, ...output, '--report', '--events', '--dry-run', '--write-registries'],
  verify: [
    ...selection,
    '--to',
    '--as-node',
    '--registries',
    '--deep',
    '--expect',
    '--from',
    '--platform',
    '--rewrite',
    '--flatten',
    ...output,
    '--report',
  ],
  registries: [],
  serve: ['--listen', '--writable', '--quiet', '--verbose'],
}

for (const [command, options] of Object.entries(commands)) {
  test(`${command} --help names every option`, async () => {
    const { status, stdout, stderr } = await runCli([command, '--help'])
    assert.deepEqual([status, stderr], [0, ''])
    const named = new Set([...stdout.matchAll(/^ +(--[a-z0-9-]+)/gm)].map(([, name = '']) => name))
    assert.deepEqual(
      options.filter((name) => !named.has(name)),
      [],
    )
  })
}

test('--help names every command, and so does a call without one, which is an error', async () => {
  const help = await runCli(['--help'])
  assert.equal(help.status, 0)
  for (const command of Object.keys(commands)) assert.match(help.stdout, new RegExp(`^ +${command} `, 'm'))
  assert.deepEqual(await runCli([]), { status: 2, signal: null, stdout: '', stderr: help.stdout })
})

const mirror = ['mirror', 'rancher/x:1']
const to = ['--to', 'http://127.0.0.1:1']
const mistakes: Readonly<Record<string, readonly string[]>> = {
  'an unknown command': ['miror'],
  'an unknown option': [...mirror, ...to, '--plattform', 'linux/amd64'],
  'no --to': mirror,
  'a bad --to': [...mirror, '--to', 'ftp://127.0.0.1'],
  'a --to with a query': [...mirror, '--to', 'http://127.0.0.1/?a=b'],
  'an empty oci: directory': [...mirror, '--to', 'oci:'],
  'a --from without "="': [...mirror, ...to, '--from', 'docker.io'],
  'a --from with a bad registry': [...mirror, ...to, '--from', 'docker.io/x=http://127.0.0.1:1'],
  'a platform without an architecture': [...mirror, ...to, '--platform', 'linux'],
  '--sparse without --platform': [...mirror, ...to, '--sparse'],
  'no jobs': [...mirror, ...to, '--jobs', '0'],
  'an unknown output': [...mirror, ...to, '--output', 'yaml'],
  'a bad --listen': ['serve', '.', '--listen', 'nowhere'],
}

for (const [name, args] of Object.entries(mistakes)) {
  test(`${name} is a usage error`, async () => {
    const { status, stdout, stderr } = await runCli(args)
    assert.deepEqual([status, stdout], [2, ''], stderr)
    assert.match(stderr, /^error: .+ \(USAGE\)\nhint: .+\n$/)
  })
}

test('a bad reference and a missing registries.yaml have codes of their own', async () => {
  const reference = await runCli(['mirror', 'Rancher/X:1', ...to])
  assert.equal(reference.status, 2)
  assert.match(reference.stderr, /^error: .*lowercase.* \(INVALID_REFERENCE\)$/m)
  const registries = await runCli([...mirror, ...to, '--registries', '/nowhere/registries.yaml'])
  assert.equal(registries.status, 2)
  assert.match(registries.stderr, /^error: \/nowhere\/registries\.yaml: .* \(INVALID_CONFIG\)$/m)
})

test('a stack trace is shown with --verbose alone', async () => {
  const args = ['mirror', 'rancher/x:1', '--to', 'oci:']
  assert.doesNotMatch((await runCli(args)).stderr, /^ +at /m)
  assert.match((await runCli([...args, '--verbose'])).stderr, /^ +at /m)
})
