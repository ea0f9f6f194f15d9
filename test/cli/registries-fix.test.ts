import assert from 'node:assert/strict'
import { chmod, lstat, readFile, stat, symlink } from 'node:fs/promises'
import { test } from 'node:test'
import { runCli, type CliOptions, type CliResult } from '../servers/run-cli.ts'
import { tempDir } from '../servers/temp-dir.ts'

const lint = (args: readonly string[], options?: CliOptions): Promise<CliResult> => runCli(['registries', 'lint', ...args], options)

const faulty = `# of the site
mirrors:
  docker.io:
    endpoint: https://registry.example.com # one
configs:
  https://registry.example.com: {auth: {username: k3s, password: hunter2}} # key
`
const fixed = `# of the site
mirrors:
  docker.io:
    endpoint:
      - https://registry.example.com # one
configs:
  registry.example.com: {auth: {username: k3s, password: hunter2}} # key
`
const diff = (file: string): string => `--- ${file}
+++ ${file}
@@ -4,1 +4,2 @@
-    endpoint: https://registry.example.com # one
+    endpoint:
+      - https://registry.example.com # one
@@ -6,1 +7,1 @@
-  https://registry.example.com: {auth: {username: k3s, password: ***}} # key
+  registry.example.com: {auth: {username: k3s, password: ***}} # key
`

test('--fix prints the diff without secrets, and writes the file with its permissions, through a link', async () => {
  await using directory = await tempDir()
  const file = await directory.write('registries.yaml', faulty)
  await chmod(file, 0o640)
  const link = `${directory.path}/link.yaml`
  await symlink('registries.yaml', link)
  const { status, stdout, stderr } = await lint([link, '--fix'])
  assert.deepEqual([status, stdout, stderr], [0, diff(link), `${link}: 2 fixed, no problems\n`])
  assert.equal(await readFile(file, 'utf8'), fixed)
  assert.equal((await stat(file)).mode & 0o777, 0o640)
  assert.ok((await lstat(link)).isSymbolicLink())
  const { ino } = await stat(file)
  assert.equal((await lint([link, '--fix'])).stdout, '')
  assert.equal((await stat(file)).ino, ino)
})

test('--fix --dry-run prints the diff and the findings, and writes nothing', async () => {
  await using directory = await tempDir()
  const file = await directory.write('registries.yaml', faulty)
  const { status, stdout, stderr } = await lint([file, '--fix', '--dry-run'])
  assert.equal(status, 4)
  assert.ok(stdout.startsWith(diff(file)))
  assert.match(stdout, /:4:15 error string-for-list [^]*:6:3 error key-with-scheme /)
  assert.equal(stderr, `${file}: 2 fixable, 2 errors\n`)
  assert.equal(await readFile(file, 'utf8'), faulty)
})

test('--fix prints the fixed text of standard input, and the other findings on standard error', async () => {
  const { status, stdout, stderr } = await lint(['-', '--fix'], { stdin: `${faulty}  h: {auth: {token: x}}\n` })
  assert.deepEqual([status, stdout], [4, `${fixed}  h: {auth: {token: x}}\n`])
  assert.match(stderr, /^-:8:14 error token-under-auth .*\nstandard input: 2 fixed, 1 error\n$/)
})

test('--fix keeps UTF-16', async () => {
  await using directory = await tempDir()
  const file = await directory.write('registries.yaml', Buffer.from(`\uFEFF${faulty}`, 'utf16le'))
  assert.equal((await lint([file, '--fix', '--output', 'json'])).status, 0)
  assert.equal((await readFile(file)).toString('utf16le'), `\uFEFF${fixed}`)
})

test('--output json has the fixed findings, and the edits of others', async () => {
  await using directory = await tempDir()
  const file = await directory.write('registries.yaml', faulty)
  const dry = JSON.parse((await lint([file, '--fix', '--dry-run', '--output', 'json'])).stdout) as { findings: readonly object[] }
  assert.deepEqual(
    dry.findings.map((finding) => 'edits' in finding),
    [true, true],
  )
  const done = JSON.parse((await lint([file, '--fix', '--output', 'json'])).stdout) as { findings: object[]; fixed: { rule: string }[] }
  assert.deepEqual([done.findings, done.fixed.map(({ rule }) => rule)], [[], ['string-for-list', 'key-with-scheme']])
})

test('--dry-run without --fix, and --fix of standard input with a document, are usage errors', async () => {
  for (const [args, message] of [
    [['--dry-run', '-'], /--dry-run requires --fix/],
    [['--fix', '--output', 'sarif', '-'], /cannot be used with --output sarif/],
  ] as const) {
    const { status, stderr } = await lint(args, { stdin: '' })
    assert.equal(status, 2)
    assert.match(stderr, message)
  }
})

test('lint prints SARIF, JUnit, markdown and annotations, with the same exit code', async () => {
  await using directory = await tempDir()
  const file = await directory.write('registries.yaml', faulty)
  for (const [output, expected] of [
    ['sarif', /"ruleId":"key-with-scheme"/],
    ['junit', /<testcase name="[^"]*:6:3 key-with-scheme"/],
    ['markdown', /\| 6 \| \*\*error\*\* \| `key-with-scheme` \|/],
  ] as const) {
    const { status, stdout, stderr } = await lint([file, '--output', output, '--annotate', 'github'])
    assert.equal(status, 4)
    assert.match(stdout, expected)
    assert.match(stderr, /^::error file=[^,]*,line=4,col=15,title=k3s-mirror registries lint%3A string-for-list::/)
    assert.doesNotMatch(stdout + stderr, /hunter2/)
  }
  const missing = await lint([`${directory.path}/missing.yaml`, '--output', 'sarif'])
  assert.equal(missing.status, 2)
  assert.match(missing.stdout, /"executionSuccessful":false/)
})
