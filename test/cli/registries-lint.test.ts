import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runCli, type CliOptions, type CliResult } from '../servers/run-cli.ts'
import { tempDir } from '../servers/temp-dir.ts'

const fixture = (path: string): string => fileURLToPath(new URL(`../../fixtures/registries-yaml/${path}.yaml`, import.meta.url))
const lint = (args: readonly string[], options?: CliOptions): Promise<CliResult> => runCli(['registries', 'lint', ...args], options)

const typo = `mirrors:
  docker.io:
    endpoint:
      - "https://mycustomreg.com:5000"
configs:
  "mycustomreg:5000":
    auth:
      username: k3s
      password: hunter2
`

test('a finding is two lines, and an error gives exit code 4', async () => {
  await using directory = await tempDir()
  const file = await directory.write('registries.yaml', typo)
  const { status, stdout, stderr } = await lint([file])
  assert.equal(status, 4)
  assert.equal(
    stdout,
    `${file}:6:3 error unmatched-config the settings under "mycustomreg:5000" apply to no endpoint: the key must match the endpoint "mycustomreg.com:5000" exactly; nodes pull anonymously (401 if it requires a login)\n` +
      '    fix: write "mycustomreg.com:5000"\n',
  )
  assert.equal(stderr, `${file}: 1 error\n`)
})

test('lint exits with 0 for warnings, and prints nothing for a file without findings', async () => {
  const warned = await lint(['-'], { stdin: 'mirrors: {docker.io: {endpoint: ["registry.example.com:5000"]}}\n' })
  assert.deepEqual([warned.status, warned.stderr], [0, 'standard input: 1 warning\n'])
  assert.equal((await lint(['-'], { stdin: '' })).stderr, 'standard input: no problems\n')
  assert.match(warned.stdout, /^-:1:34 warning endpoint-without-scheme .*\n {4}fix: .*\n$/)
  for (const stdin of ['', 'mirrors: {docker.io: {endpoint: ["https://registry.example.com"]}}\n']) {
    const { status, stdout, stderr } = await lint(['-', '--quiet'], { stdin })
    assert.deepEqual([status, stdout, stderr], [0, '', ''])
  }
})

test("lint reports the mistakes in the examples of K3s' own page", async () => {
  for (const [name, count] of [
    ['tls-auth', 2],
    ['tls', 1],
    ['auth', 2],
    ['plain', 0],
  ] as const) {
    const { status, stdout } = await lint([fixture(`docs-page/${name}`)])
    assert.equal(status, count === 0 ? 0 : 4, name)
    assert.equal(stdout.split('\n').length, count * 2 + 1, stdout)
    if (count > 0) assert.match(stdout, /:6:3 error unmatched-config /)
  }
})

test('--output json is one document', async () => {
  const { status, stdout } = await lint(['--output', 'json', '-'], { stdin: typo })
  assert.equal(status, 4)
  const document = JSON.parse(stdout) as { findings: readonly object[] }
  assert.deepEqual(
    { ...document, findings: document.findings.map((finding) => Object.keys(finding)) },
    {
      schemaVersion: 1,
      command: 'registries lint',
      file: '-',
      findings: [['rule', 'severity', 'line', 'column', 'endLine', 'endColumn', 'message', 'fix', 'fingerprint']],
      totals: { errors: 1, warnings: 0, infos: 0 },
    },
  )
})

test('flags and version of K3s change the findings', async () => {
  const credentials = 'configs: {docker.io: {auth: {username: k3s, password: hunter2}}}\n'
  assert.equal((await lint(['-'], { stdin: credentials })).status, 0)
  assert.equal((await lint(['--k3s-version', 'v1.33.3+k3s1', '-'], { stdin: credentials })).status, 0)
  const old = await lint(['--k3s-version', 'v1.33.2+k3s1', '-'], { stdin: credentials })
  assert.equal(old.status, 4)
  assert.match(old.stdout, / error docker-io-credentials /)

  const empty = 'mirrors: {docker.io: }\n'
  assert.equal((await lint(['-'], { stdin: empty })).status, 0)
  const flags = ['--disable-default-registry-endpoint']
  assert.match((await lint([...flags, '-'], { stdin: empty })).stdout, / error no-default-without-effect /)
  assert.equal((await lint([...flags, '--embedded-registry', '-'], { stdin: empty })).status, 0)
})

test('lint checks the files of tls, but not with --no-files', async () => {
  const stdin = 'configs: {registry.example.com: {tls: {ca_file: /missing/missing.crt}}}\n'
  assert.match((await lint(['-'], { stdin })).stdout, /\/missing\/missing\.crt/)
  assert.deepEqual((await lint(['--no-files', '-'], { stdin })).stdout, '')
})

test('an unreadable file is invalid input', async () => {
  await using directory = await tempDir()
  const binary = await directory.write('binary.yaml', Uint8Array.of(0xc3, 0x28))
  for (const [args, stdin] of [
    [[`${directory.path}/missing.yaml`], ''],
    [[directory.path], ''],
    [[binary], ''],
    [['-'], '#'.repeat(256 * 1024 + 1)],
  ] as const) {
    const { status, stdout, stderr } = await lint(args, { stdin })
    assert.deepEqual([status, stdout], [2, ''], stderr)
    assert.match(stderr, /^error: .* \(INVALID_CONFIG\)\nhint: .*\n$/)
  }
  const { status, stderr } = await lint(['--k3s-version', 'v1.30', '-'])
  assert.equal(status, 2)
  assert.match(stderr, /^error: .*\(USAGE\)\nhint: /)
})

test('a file that K3s does not start with is a finding, not an error', async () => {
  const { status, stdout } = await lint(['-'], { stdin: 'mirrors:\n  *:\n    endpoint: []\n' })
  assert.equal(status, 4)
  assert.match(stdout, /^-:2:3 error syntax /)
})

test('lint prints no secrets and no control characters', async () => {
  const stdin = JSON.stringify({
    mirrors: {
      'https://k3s:hunter2@docker.io': {
        endpoint: ['https://k3s:hunter2@registry.example.com', 'https://h?token=hunter2', '\u001b[31mhost'],
      },
      '\u001b]0;x\u0007/\u202e': { endpoint: [] },
    },
    configs: { 'registry.example.com:5000': { auth: { username: 'hunter2', password: 'hunter2', token: 'hunter2' } } },
  })
  for (const format of ['text', 'json']) {
    const { status, stdout, stderr } = await lint(['--output', format, '-'], { stdin })
    assert.equal(status, 4)
    assert.doesNotMatch(stdout + stderr, /hunter2/)
    assert.doesNotMatch((stdout + stderr).replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u)
  }
})

test('lint prints colours with FORCE_COLOR', async () => {
  const { stdout } = await lint(['-'], { stdin: typo, env: { FORCE_COLOR: '1' } })
  assert.ok(stdout.includes('\u001b['))
})
