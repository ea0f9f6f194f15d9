import assert from 'node:assert/strict'
import { mkdir, readdir } from 'node:fs/promises'
import { describe, it, test } from 'node:test'
import { nodeVersion } from '../../scripts/package/targets.ts'
import { allCommands } from '../../src/cli/command-table.ts'
import { executableRoot } from '../servers/cli-command.ts'
import { runCli } from '../servers/run-cli.ts'
import { tempDir } from '../servers/temp-dir.ts'

const selection = [
  '--release',
  '--images',
  '--include',
  '--exclude',
  '--artifact-url',
  '--channel-url',
  '--list-sha256',
  '--manifest',
  '--with-upgrade-images',
]
const places = ['--to', '--from', '--registries', '--token-host', '--platform', '--sparse', '--rewrite', '--flatten', '--foreign-layers']
const pace = ['--recheck', '--jobs', '--blob-jobs', '--retries', '--timeout']
const output = ['--output', '--quiet', '--verbose']
const run = ['--report', '--events', '--no-progress']
const commands: Readonly<Record<string, readonly string[]>> = {
  images: [...selection, '--registries', ...output],
  plan: [...selection, '--shard', ...places, ...output, '--report'],
  mirror: [...selection, '--shard', ...places, ...pace, ...output, ...run, '--dry-run', '--write-registries'],
  verify: [
    ...selection,
    '--shard',
    ...output,
    '--to',
    '--as-node',
    '--registries',
    '--deep',
    '--expect',
    '--from',
    '--platform',
    '--report',
  ],
  report: [],
  registries: [],
  bundle: [],
  serve: ['--listen', '--writable', '--quiet', '--verbose'],
  completion: [],
  version: output,
}

describe('--help', () => {
  for (const [command, options] of Object.entries(commands)) {
    it(`of ${command} names every option`, async () => {
      const { status, stdout, stderr } = await runCli([command, '--help'])
      assert.deepEqual([status, stderr], [0, ''])
      const named = new Set([...stdout.matchAll(/^ +(?:-\w, )?(--[a-z0-9-]+)/gm)].map(([, name = '']) => name))
      assert.deepEqual(
        options.filter((name) => !named.has(name)),
        [],
      )
    })
  }

  it('names every command, and is printed as an error where the command is missing', async () => {
    const help = await runCli(['--help'])
    assert.equal(help.status, 0)
    for (const command of Object.keys(commands)) assert.match(help.stdout, new RegExp(`^ +${command} `, 'm'))
    assert.deepEqual(await runCli([]), { status: 2, signal: null, stdout: '', stderr: help.stdout })
    const bundle = await runCli(['bundle'])
    assert.deepEqual([bundle.status, bundle.stdout, bundle.stderr], [2, '', (await runCli(['bundle', '--help'])).stdout])
  })

  it('fits two screens, in groups, with examples, and is wrapped at 80 columns', async () => {
    for (const { path, load } of allCommands()) {
      const { stdout } = await runCli([...path, '--help'])
      const lines = stdout.trimEnd().split('\n')
      assert.deepEqual(
        lines.filter((line) => line.length > 80),
        [],
        path.join(' '),
      )
      assert.match(stdout, /^Examples?:\n {2}k3s-mirror /m, path.join(' '))
      assert.ok(lines.length <= 100, `${path.join(' ')}: ${lines.length} lines`)
      if (load !== undefined) assert.match(stdout, /^ {2}-h, --help/m)
    }
    const { stdout } = await runCli(['mirror', '--help'])
    for (const group of ['Selection', 'Destination', 'Source', 'Connection', 'Docker Engine', 'Output'])
      assert.match(stdout, new RegExp(`^${group}:$`, 'm'))
  })

  it('describes each option in at most 60 characters, without a question and a semicolon', () => {
    const long = allCommands().flatMap(({ path, definition }) =>
      [definition, ...definition.options]
        .filter(({ description }) => description.length > 60 || /[?;]|[.]$/.test(description))
        .map(({ description }) => `${path.join(' ')}: ${description}`),
    )
    assert.deepEqual(long, [])
  })

  it('is the same by "help", by -h and at any depth', async () => {
    for (const path of [[], ['mirror'], ['bundle'], ['bundle', 'push']]) {
      const { stdout } = await runCli([...path, '--help'])
      for (const args of [
        [...path, '-h'],
        ['help', ...path],
      ])
        assert.deepEqual(await runCli(args), { status: 0, signal: null, stdout, stderr: '' })
    }
  })

  it('has examples that the program can parse', async () => {
    const commandNames = new Set(allCommands().map(({ path }) => path.join(' ')))
    for (const { path, definition, commands: children } of allCommands()) {
      for (const example of definition.examples) {
        const words = example.split(' ')
        const named = [words.slice(0, 2), words.slice(0, 1)].map((start) => start.join(' ')).find((start) => commandNames.has(start))
        assert.ok(named === path.join(' ') || (children !== undefined && named !== undefined), example)
        const own = allCommands().find((command) => command.path.join(' ') === named)
        const flags = words.filter((word) => word.startsWith('--'))
        const known = new Set(own?.definition.options.map(({ flag }) => flag))
        assert.deepEqual(
          flags.filter((flag) => !known.has(flag)),
          [],
          example,
        )
      }
    }
  })
})

test('-V, --version and version print the version', async () => {
  const { stdout } = await runCli(['--version'])
  assert.equal((await runCli(['-V'])).stdout, stdout)
  const node = executableRoot === undefined ? process.versions.node : nodeVersion
  const text = await runCli(['version'])
  assert.match(text.stdout, new RegExp(`^k3s-mirror ${stdout.trim()}\n(?:commit [0-9a-f]{40}(?:-dirty)?\n)?Node\\.js ${node}\n$`))
  const json = JSON.parse((await runCli(['version', '-o', 'json'])).stdout) as Record<string, unknown>
  assert.deepEqual([json['schemaVersion'], json['version'], json['node']], [1, stdout.trim(), node])
})

const mirror = ['mirror', 'rancher/x:1']
const to = ['--to', 'http://127.0.0.1:1']
const canary = 'canary-s3cret'
/** Command lines with a mistake, and what the error and the hint have to contain. */
const mistakes: readonly (readonly [args: readonly string[], error: RegExp, hint: RegExp])[] = [
  // commands
  [['miror'], /^unknown command "miror"/, /^Did you mean k3s-mirror mirror\?/],
  [['bundle', 'pusch', 'a.tar', '--to', 'b'], /^unknown command "bundle pusch"/, /^Did you mean k3s-mirror bundle push\?/],
  [['help', 'bundle', 'psh'], /^unknown command "bundle psh"/, /^Did you mean k3s-mirror bundle push\?/],
  [['lint', 'a.yaml'], /^unknown command "lint"/, /k3s-mirror registries lint/],
  [['copy', 'a:1', 'b:1'], /^unknown command "copy"/, /k3s-mirror mirror/],
  [['frobnicate'], /^unknown command "frobnicate"/, /^run k3s-mirror --help$/],
  // unknown options come before missing ones
  [[...mirror, '--plattform', 'linux/amd64'], /^unknown option "--plattform"/, /^Did you mean --platform\? .*k3s-mirror mirror --help$/],
  [['bundle', 'push', '--bogus'], /^unknown option "--bogus"/, /^run k3s-mirror bundle push --help$/],
  [['bundle', '--bogus'], /^unknown option "--bogus"/, /^run k3s-mirror bundle --help$/],
  // options of other tools
  [[...mirror, ...to, `--creds=user:${canary}`], /^unknown option "--creds"/, /docker login.*K3S_MIRROR_USERNAME/],
  [[...mirror, ...to, '--src-creds', `user:${canary}`], /^unknown option "--src-creds"/, /--registries <file>/],
  [[...mirror, ...to, '--dest-creds', `user:${canary}`], /^unknown option "--dest-creds"/, /K3S_MIRROR_PASSWORD/],
  [[...mirror, ...to, '--password', canary], /^unknown option "--password"/, /docker login/],
  [[...mirror, ...to, '--insecure'], /^unknown option "--insecure"/, /http:\/\/<host>/],
  [[...mirror, ...to, '--dest-tls-verify=false'], /^unknown option "--dest-tls-verify"/, /configs\.<host>\.tls/],
  [[...mirror, ...to, '--plain-http'], /^unknown option "--plain-http"/, /http:\/\/<host>/],
  [[...mirror, ...to, '--dest-cert-dir', '/etc'], /^unknown option "--dest-cert-dir"/, /configs\.<host>\.tls/],
  [[...mirror, ...to, '--all'], /^unknown option "--all"/, /every platform is copied/],
  [[...mirror, ...to, '--preserve-digests'], /^unknown option "--preserve-digests"/, /by default/],
  [[...mirror, ...to, '--override-arch', 'arm64'], /^unknown option "--override-arch"/, /--platform <os\/arch>/],
  [[...mirror, ...to, '--concurrency', '3'], /^unknown option "--concurrency"/, /--jobs <n>/],
  [[...mirror, ...to, '--retry-times', '3'], /^unknown option "--retry-times"/, /--retries <n>/],
  [[...mirror, ...to, '--src-shared-blob-dir', 'x'], /^unknown option "--src-shared-blob-dir"/, /--from <registry=endpoint>/],
  [['images', '--format', 'json'], /^unknown option "--format"/, /--output json/],
  [['images', '-f', 'list.txt'], /^unknown option "-f"/, /--output json/],
  // an option of another tool whose replacement this command lacks
  [['registries', 'lint', '--concurrency', '3'], /^unknown option "--concurrency"/, /^run k3s-mirror registries lint --help$/],
  // options before the command
  [
    ['--release', 'stable', 'mirror', '--to', 'x'],
    /^option "--release" must follow the command "mirror"/,
    /^write k3s-mirror mirror --release stable --to x$/,
  ],
  [['-q', 'bundle', 'push', 'a.tar'], /^option "-q" must follow the command "bundle push"/, /^write k3s-mirror bundle push -q a\.tar$/],
  [['bundle', '--to', 'x', 'push', 'my file.tar'], /^option "--to" must follow/, /^write k3s-mirror bundle push --to x 'my file\.tar'$/],
  [['--release', 'stable'], /^option "--release" requires a command/, /k3s-mirror mirror --release stable$/],
  // missing and wrong values
  [mirror, /^missing required option --to <destination>: .*oci:<directory>/, /^run k3s-mirror mirror --help$/],
  [['bundle', 'push', ...to], /^missing argument <file\.\.\.>: /, /^run k3s-mirror bundle push --help$/],
  [['bundle', 'info', 'a', 'b'], /^too many arguments: expected 1, got 2/, /^run k3s-mirror bundle info --help$/],
  [[...mirror, '--to'], /^missing value of --to/, /--to <destination>/],
  [[...mirror, ...to, '--jobs', '0'], /^invalid value "0" for --jobs: expected a whole number/, /k3s-mirror mirror --help$/],
  [[...mirror, ...to, '--output', 'yaml'], /^invalid value "yaml" for --output: expected text, json/, /--help$/],
  [[...mirror, ...to, '--token-host', `u:${canary}@h`], /^invalid value "\*\*\*@h" for --token-host/, /--help$/],
  [
    ['bundle', 'push', 'a.tar', ...to, '--to', 'b.example'],
    /^--to is given twice: "http:\/\/127\.0\.0\.1:1" and "b\.example"/,
    /^pass one destination; plan and mirror accept several$/,
  ],
  [
    [...mirror, ...to, '--to', '127.0.0.1:1/'],
    /^invalid --to: "http:\/\/127\.0\.0\.1:1" and "127\.0\.0\.1:1\/" are the same destination/,
    /^pass each destination once$/,
  ],
  [
    [...mirror, ...to, '--to', 'b.example', '--write-registries', 'r.yaml'],
    /^--write-registries requires exactly one --to/,
    /^run k3s-mirror registries generate /,
  ],
  [[...mirror, ...to, '--to', 'b.example', '--via', 'docker'], /^several --to are unsupported with --via docker/, /--keep/],
  [[...mirror, ...to, '--keep'], /^--keep requires --via docker/, /^pass --via docker, or remove --keep$/],
  [[...mirror, ...to, '--from', 'docker.io'], /^invalid value "docker\.io" for --from/, /--help$/],
  [
    [...mirror, ...to, '--from', 'docker.io/x=http://127.0.0.1:1'],
    /^invalid --from: "docker\.io\/x" is not a registry host/,
    /--from docker\.io=/,
  ],
  [[...mirror, ...to, '--platform', 'linux'], /linux/, /./],
  [[...mirror, ...to, '--sparse'], /--sparse/, /--platform/],
  [['serve', '.', '--listen', 'somewhere'], /^invalid value "somewhere" for --listen: expected host:port/, /^run k3s-mirror serve --help$/],
  [['completion', 'tcsh'], /^unsupported shell "tcsh"/, /bash, zsh, fish/],
  // destinations and endpoints
  [[...mirror, '--to', '/srv/site'], /^invalid --to "\/srv\/site": expected a registry, got a path/, /^pass oci:\/srv\/site /],
  [[...mirror, '--to', './site'], /^invalid --to "\.\/site"/, /^pass oci:\.\/site /],
  [[...mirror, '--to', 'oci:'], /^invalid --to "oci:": the directory is missing/, /^pass oci:<directory>$/],
  [[...mirror, '--to', 'a.example/Mirror'], /repository names are lower case/, /^pass a\.example\/mirror$/],
  [[...mirror, '--to', 'a.example/x:1'], /no tag/, /^pass a\.example\/x$/],
  [[...mirror, '--to', `u:${canary}@a.example`], /^invalid --to "\*\*\*@a\.example": it contains credentials/, /K3S_MIRROR_USERNAME/],
  [[...mirror, '--to', `https://u:${canary}@a.example/x`], /it contains credentials/, /docker login/],
  [[...mirror, ...to, '--from', `docker.io=u:${canary}@b`], /^invalid --from "\*\*\*@b": it contains credentials/, /docker login/],
  [[...mirror, '--to', 'docker://a.example/x'], /unsupported scheme docker/, /^pass a\.example\/x without a scheme$/],
  [[...mirror, '--to', 'ftp://a.example'], /^invalid --to "ftp:\/\/a\.example": unsupported scheme ftp/, /oci:<directory>/],
  [[...mirror, '--to', 'http://127.0.0.1/?a=b'], /^invalid --to/, /oci:<directory>/],
  [[...mirror, '--to', 'dir:x'], /unsupported transport dir/, /^pass oci:x for an OCI layout$/],
  [[...mirror, '--to', 'k3s.tar.zst'], /got a file/, /bundle create k3s\.tar\.zst/],
  [
    [...mirror, ...to, '--from', 'docker.io=ftp://a.example'],
    /^invalid --from "ftp:\/\/a\.example": unsupported scheme/,
    /docker\.io=https:/,
  ],
]

for (const [args, error, hint] of mistakes) {
  test(`reports the mistake in: ${args.join(' ').replaceAll(canary, '…')}`, async () => {
    const { status, stdout, stderr } = await runCli(args)
    assert.deepEqual([status, stdout], [2, ''], stderr)
    assert.match(stderr, /^error: .+ \(USAGE\)\nhint: .+\n$/)
    const [, message = '', advice = ''] = /^error: (.*) \(USAGE\)\nhint: (.*)\n$/.exec(stderr) ?? []
    assert.match(message, error)
    assert.match(advice, hint)
    assert.doesNotMatch(stderr, new RegExp(canary))
  })
}

/** What is given where a reference is expected, and the hint. */
const misplaced: readonly (readonly [args: readonly string[], hint: RegExp])[] = [
  [['mirror', 'list.txt', ...to], /^pass --images list\.txt$/],
  [['plan', './k3s-images.txt', ...to], /^pass --images \.\/k3s-images\.txt$/],
  [['mirror', 'https://a.example/k3s-images.txt', ...to], /^pass --images https:/],
  [['mirror', '-', ...to], /^pass --images -$/],
  [['mirror', 'k3s.tar.zst', ...to], /^run k3s-mirror bundle push k3s\.tar\.zst --to <destination>$/],
  [['verify', 'bundle.tar', ...to], /^pass --images bundle\.tar$/],
  [['registries', 'generate', 'k3s.tar', ...to], /^pass --images k3s\.tar$/],
  [['bundle', 'create', 'a.tar', 'b.tar'], /^pass --images b\.tar$/],
  [['mirror', 'oci:site', ...to], /^pass --images oci:site --from '\*=oci:site'$/],
  [['mirror', 'registries.yaml', ...to], /^pass --registries registries\.yaml$/],
  [['mirror', 'site.lock.yaml', ...to], /^pass --images site\.lock\.yaml$/],
  [['mirror', 'v1.37.1+k3s1', ...to], /^pass --release v1\.37\.1\+k3s1$/],
  [['mirror', 'stable', ...to], /^pass --release stable$/],
  [['images', 'v1.36'], /^pass --release v1\.36$/],
  [['images', 'rancher/*'], /^pass --include 'rancher\/\*'/],
  [['mirror', 'images', ...to], /^pass --images images for the file, or images:latest for the image$/],
  [['mirror', './site', ...to], /^pass --images oci:\.\/site for an OCI layout$/],
  [['registries', 'resolve', 'list.txt'], /^pass --images list\.txt$/],
]

for (const [args, hint] of misplaced) {
  test(`suggests the right option for: ${args.join(' ')}`, async () => {
    await using directory = await tempDir()
    await directory.write('images', '')
    await mkdir(`${directory.path}/site`)
    const { status, stderr } = await runCli(args, { cwd: directory.path })
    assert.equal(status, 2, stderr)
    const [, advice = ''] = /^error: expected an image reference, got .* \(USAGE\)\nhint: (.*)\n$/.exec(stderr) ?? []
    assert.match(advice, hint, stderr)
    assert.deepEqual((await readdir(directory.path)).toSorted(), ['images', 'site'])
  })
}

test('a directory, a tag and a digest do not make a reference a file', async () => {
  await using directory = await tempDir()
  await mkdir(`${directory.path}/alpine`)
  const args = ['alpine', 'rancher/list.txt:1', `x.tar@sha256:${'0'.repeat(64)}`]
  const { status, stdout, stderr } = await runCli(['images', ...args], { cwd: directory.path })
  assert.equal(status, 0, stderr)
  assert.equal(stdout.split('\n').length, 4)
})

test('a bad reference and a missing registries.yaml have codes of their own', async () => {
  const reference = await runCli(['mirror', 'Rancher/X:1', ...to])
  assert.equal(reference.status, 2)
  assert.match(reference.stderr, /^error: .*lower case.* \(INVALID_REFERENCE\)$/m)
  const registries = await runCli([...mirror, ...to, '--registries', '/missing/registries.yaml'])
  assert.equal(registries.status, 2)
  assert.match(registries.stderr, /^error: cannot read \/missing\/registries\.yaml: .* \(INVALID_CONFIG\)$/m)
})

test('only --verbose prints a stack trace', async () => {
  const args = ['mirror', 'rancher/x:1', '--to', 'oci:']
  assert.doesNotMatch((await runCli(args)).stderr, /^ +at /m)
  for (const verbose of ['--verbose', '-v']) assert.match((await runCli([...args, verbose])).stderr, /^ +at /m)
})

test('an option without its value, or of another command, is named', async () => {
  for (const [args, message, hint] of [
    [['mirror', '--to', '--retries', '1', 'a:1'], 'missing value of --to', 'write --to <destination> before "--retries"'],
    [['mirror', '--report', '--to', 'x', 'a:1'], 'missing value of --report', 'write --report <file> before "--to"'],
    [['bundle', 'create', 'x.tar', 'a:1', '--to', 'x'], 'unknown option "--to"', '--to is an option of mirror, plan, verify'],
    [
      ['registries', 'generate', '--to', 'x', '--password', 's3cret'],
      'unknown option "--password"',
      'pipe the password to --password-stdin',
    ],
    [['bundle', 'create', '.', 'a:1'], '"." is not a bundle name', 'write k3s-mirror bundle create k3s.tar'],
    [['bundle', 'create', 'x.zip', 'a:1'], '"x.zip" is not a bundle name', 'write k3s-mirror bundle create x.tar'],
    [['images', '--images', 'docker.io/a/b:1'], 'docker.io/a/b:1: no such file', 'pass a single image as an argument, without --images'],
  ] as const) {
    const { status, stderr } = await runCli(args)
    assert.equal(status, 2, stderr)
    assert.ok(stderr.startsWith(`error: ${message}`), stderr)
    assert.ok(stderr.includes(`\nhint: ${hint}`), stderr)
    assert.doesNotMatch(stderr, /s3cret/)
  }
})
