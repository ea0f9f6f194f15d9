import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { test, type TestContext } from 'node:test'
import { requireServer } from '../servers/require-server.ts'
import { runCli } from '../servers/run-cli.ts'
import { tempDir, type TempDir } from '../servers/temp-dir.ts'

/** What is typed, with the tabulator key, and the arguments that the program gets. */
const typed: readonly (readonly [keys: string, args: readonly string[]])[] = [
  ['mirr\t--no-p\t', ['mirror', '--no-progress']],
  ['bun\tpus\t--outp\tjs\t', ['bundle', 'push', '--output', 'json']],
  ['mirror --output=js\t', ['mirror', '--output=json']],
  ['registries rend\t--form\tleg\t', ['registries', 'render', '--format', 'legacy']],
  ['mirror --images my\t--to x', ['mirror', '--images', 'my list.txt', '--to', 'x']],
  ['bundle info my\t', ['bundle', 'info', 'my list.txt']],
  ['help bun\tcre\t', ['help', 'bundle', 'create']],
  ['completion z\t', ['completion', 'zsh']],
  // A reference is not a file, nor is the value of --to.
  ['mirror my\t', ['mirror', 'my']],
  ['mirror --to my\t', ['mirror', '--to', 'my']],
]

/** A directory with a file to complete, and a program on PATH that writes down its arguments. */
async function workplace(): Promise<TempDir> {
  const directory = await tempDir()
  await mkdir(`${directory.path}/bin`)
  await directory.write('my list.txt', '')
  const program = `#!/bin/sh\n{ for a; do printf '<%s>' "$a"; done; echo; } >>'${directory.path}/typed'\n`
  await writeFile(`${directory.path}/bin/k3s-mirror`, program)
  await chmod(`${directory.path}/bin/k3s-mirror`, 0o755)
  return directory
}

/** Types lines into a shell on a terminal of its own, and gives what the program was called with. */
async function typeInto({ path }: TempDir, shell: string): Promise<readonly string[]> {
  const child = spawn('script', ['--quiet', '--return', '--command', shell, '/dev/null'], {
    cwd: path,
    env: { PATH: `${path}/bin:${process.env['PATH'] ?? ''}`, HOME: path, ZDOTDIR: path, TERM: 'xterm', LANG: 'C.UTF-8' },
    stdio: ['pipe', 'ignore', 'inherit'],
  })
  child.stdin.end(`${typed.map(([keys]) => `k3s-mirror ${keys}\n`).join('')}exit\n`)
  await new Promise((resolve) => child.once('close', resolve))
  return (await readFile(`${path}/typed`, 'utf8')).trimEnd().split('\n')
}

async function scriptFor(shell: string): Promise<string> {
  const { status, stdout, stderr } = await runCli(['completion', shell])
  assert.deepEqual([status, stderr], [0, ''])
  return stdout
}

/** Some shells write --output=json for --output json. */
const joined = (args: readonly string[]): string =>
  args
    .map((arg) => `<${arg}>`)
    .join('')
    .replaceAll(/(--output|--format)></g, '$1=')

function assertTyped(found: readonly string[]): void {
  assert.deepEqual(
    found.map((line) => line.replaceAll(/(--output|--format)></g, '$1=')),
    typed.map(([, args]) => joined(args)),
  )
}

function skipWithout(t: TestContext, shell: 'bash' | 'zsh' | 'fish'): boolean {
  return !requireServer(t, shell)
}

test('bash completes commands, options, choices and files', { timeout: 60_000 }, async (t) => {
  if (skipWithout(t, 'bash')) return
  await using directory = await workplace()
  await directory.write('rc', await scriptFor('bash'))
  assertTyped(await typeInto(directory, 'bash --noprofile --rcfile rc -i'))
})

for (const [how, rc] of [
  ['sourced', 'autoload -U compinit; compinit -u -D; source ./_k3s-mirror'],
  ['on fpath', 'fpath=($PWD $fpath); autoload -U compinit; compinit -u -D'],
] as const) {
  test(`zsh completes commands, options, choices and files (${how})`, { timeout: 60_000 }, async (t) => {
    if (skipWithout(t, 'zsh')) return
    await using directory = await workplace()
    await directory.write('_k3s-mirror', await scriptFor('zsh'))
    await directory.write('.zshrc', `${rc}\n`)
    assertTyped(await typeInto(directory, 'zsh -i'))
  })
}

test('fish completes commands, options, choices and files', { timeout: 60_000 }, async (t) => {
  if (skipWithout(t, 'fish')) return
  await using directory = await workplace()
  await directory.write('completion.fish', await scriptFor('fish'))
  const complete = async (line: string): Promise<readonly string[]> => {
    const child = spawn('fish', ['--no-config', '--command', `source completion.fish; complete --do-complete '${line}'`], {
      cwd: directory.path,
      env: { PATH: `${directory.path}/bin:${process.env['PATH'] ?? ''}`, HOME: directory.path, LANG: 'C.UTF-8' },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const chunks: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    await new Promise((resolve) => child.once('close', resolve))
    return Buffer.concat(chunks)
      .toString()
      .trimEnd()
      .split('\n')
      .map((found) => found.replace(/\t.*/, ''))
  }
  assert.deepEqual(await complete('k3s-mirror mirr'), ['mirror'])
  assert.deepEqual(await complete('k3s-mirror bundle '), ['check', 'create', 'info', 'load', 'push'])
  assert.deepEqual(await complete('k3s-mirror bundle push --outp'), ['--output'])
  assert.deepEqual(await complete('k3s-mirror bundle push --output '), ['json', 'junit', 'markdown', 'text'])
  assert.deepEqual(await complete('k3s-mirror mirror --images my'), ['my list.txt'])
  assert.deepEqual(await complete('k3s-mirror bundle info my'), ['my list.txt'])
  assert.deepEqual(await complete('k3s-mirror help bundle cre'), ['create'])
  assert.deepEqual(await complete('k3s-mirror completion '), ['bash', 'fish', 'zsh'])
  assert.deepEqual(await complete('k3s-mirror mirror --to my'), [''])
})
