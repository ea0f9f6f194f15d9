import assert from 'node:assert/strict'
import { symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { lintRegistries, type LintOptions } from '../../../src/registries-yaml/lint/lint.ts'
import type { Finding } from '../../../src/registries-yaml/lint/rule.ts'
import { parseRegistries } from '../../../src/registries-yaml/read/parse-registries.ts'
import { parseVersion } from '../../../src/release/version.ts'
import { certificateAuthority } from '../../servers/certificates.ts'
import { tempDir, type TempDir } from '../../servers/temp-dir.ts'
import { writeRuleFiles } from './rule-files.ts'

let directory: TempDir

before(async () => {
  directory = await tempDir()
  await writeRuleFiles(directory.path)
})
after(() => directory[Symbol.asyncDispose]())

const day = 24 * 60 * 60 * 1000

function lint(text: string, options: LintOptions = {}): Promise<readonly Finding[]> {
  return lintRegistries(parseRegistries(text.replaceAll('${dir}', directory.path), 'registries.yaml'), options)
}

function lintTls(tls: Readonly<Record<string, string | boolean>>, options: LintOptions = {}): Promise<readonly Finding[]> {
  return lint(JSON.stringify({ configs: { 'registry.example.com': { tls } } }), options)
}

function named(findings: readonly Finding[]): readonly string[] {
  return findings.map(({ rule, severity }) => `${severity} ${rule}`)
}

test('lint compares certificates with the current time', async () => {
  const authority = await certificateAuthority()
  await writeFile(join(directory.path, 'month.crt'), authority.certificate)
  const at = async (days: number) => named(await lintTls({ ca_file: '${dir}/month.crt' }, { now: new Date(Date.now() + days * day) }))
  assert.deepEqual(await at(-31), ['error tls-expired'])
  assert.deepEqual(await at(-1), [])
  assert.deepEqual(await at(29), [])
  assert.deepEqual(await at(31), ['warning tls-expired'])
  assert.deepEqual(await at(61), ['error tls-expired'])
})

test('a message contains the subject and the expiry date of a certificate, and nothing else of the file', async () => {
  const [finding] = await lintTls({ ca_file: '${dir}/expired.crt' })
  assert.match(finding?.message ?? '', /expired\.crt" \("CN=expired CA"\) expired on \d{4}-\d\d-\d\d$/)
  for (const tls of [{ cert_file: '${dir}/client.crt', key_file: '${dir}/other.key' }, { ca_file: '${dir}/broken.crt' }]) {
    for (const { message, fix } of await lintTls(tls))
      assert.doesNotMatch(message + fix.replace('-----BEGIN CERTIFICATE-----', ''), /BEGIN|MI[A-Za-z0-9+/]{8}/)
  }
})

test('a TLS file that this user cannot read is an info', async () => {
  await symlink('loop', join(directory.path, 'loop'))
  await writeFile(join(directory.path, 'large.crt'), '')
  await truncate(join(directory.path, 'large.crt'), 5 * 1024 * 1024)
  assert.deepEqual(named(await lintTls({ ca_file: '${dir}/loop' })), ['info tls-file-missing'])
  assert.deepEqual(named(await lintTls({ ca_file: '${dir}/large.crt' })), ['info tls-file-missing'])
})

test('without files, lint still reports a cert_file without key_file', async () => {
  const tls = { ca_file: '/missing/ca.crt', cert_file: '/missing/client.crt' }
  assert.deepEqual(named(await lintTls(tls, { files: false })), ['error tls-cert-without-key'])
})

test('a file with certificate and key must be both cert_file and key_file', async () => {
  const [finding] = await lintTls({ cert_file: '${dir}/both.pem' })
  assert.deepEqual([finding?.rule, finding?.fix], ['tls-cert-without-key', 'write the same path as key_file'])
  assert.deepEqual(await lintTls({ cert_file: '${dir}/both.pem', key_file: '${dir}/both.pem' }), [])
})

test('lint checks the permissions of a private key in the ca_file', { skip: process.platform === 'win32' }, async () => {
  const { certificate, key } = await certificateAuthority()
  await writeFile(join(directory.path, 'with-key.crt'), `${certificate}\n${key}`, { mode: 0o644 })
  assert.deepEqual(named(await lintTls({ ca_file: '${dir}/with-key.crt' }, { now: new Date(Date.now() - day) })), [
    'warning tls-key-readable',
  ])
})

test('lint reports a tls that several hosts share through an alias once', async () => {
  const findings = await lint(`configs:
  one.example.com:
    tls: &tls {ca_file: "\${dir}/missing.crt"}
  two.example.com:
    tls: *tls
`)
  assert.deepEqual(
    findings.map(({ rule, position }) => [rule, position]),
    [['tls-file-missing', { line: 3, column: 16 }]],
  )
})

test('lint reports a file with credentials that every user can read', { skip: process.platform === 'win32' }, async () => {
  const text = 'configs: {r.example.com: {auth: {auth: azNzOnNlY3JldA==}}}'
  assert.deepEqual(named(await lint(text, { mode: 0o644 })), ['warning file-readable'])
  for (const mode of [0o640, 0o600, 0, undefined]) assert.deepEqual(await lint(text, { mode }), [], String(mode))
  assert.deepEqual(await lint('mirrors: {docker.io: {endpoint: ["https://r.example.com"]}}', { mode: 0o666 }), [])
})

test('lint reports insecure_skip_verify only if it applies to a registry', async () => {
  const tls = '{tls: {insecure_skip_verify: true}}'
  const mirror = 'mirrors: {"*": {endpoint: ["https://r.example.com"]}}'
  assert.deepEqual(named(await lint(`configs: {r.example.com: ${tls}}`)), ['warning insecure-skip-verify'])
  assert.deepEqual(named(await lint(`configs: {"*": ${tls}}`)), ['warning insecure-skip-verify'])
  assert.deepEqual(named(await lint(`${mirror}\nconfigs: {"*": ${tls}}`)), ['error wildcard-config'])
  assert.deepEqual(named(await lint(`configs: {"https://r.example.com": ${tls}}`)), ['error key-with-scheme'])
})

test('lint reports endpoints without a scheme as an error for the builds that cannot use them', async () => {
  const text = 'mirrors: {docker.io: {endpoint: [r.example.com, "https://s.example.com"]}}'
  const findings = await lint(text, { version: parseVersion('v1.28.6+k3s1') })
  assert.deepEqual(named(findings), ['info endpoint-without-scheme', 'error version-regression'])
  assert.deepEqual(named(await lint(text, { version: parseVersion('v1.28.6+k3s2') })), ['info endpoint-without-scheme'])
})

test('no rule checks the content of a file that K3s cannot read', async () => {
  const text = `mirrors: {docker.io: {endpoint: [], rewrite: {"rancher/": "X/$9"}}}
configs:
  r.example.com: {auth: {username: u}, tls: {cert_file: missing.crt, insecure_skip_verify: [true]}}
`
  assert.deepEqual(named(await lint(text, { mode: 0o644, version: parseVersion('v1.20.4+k3s1') })), [
    'error wrong-type',
    'info rest-not-checked',
  ])
})
