import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { k3sCases, registrySection } from '../registries-yaml/render/k3s-cases.ts'
import { runCli, type CliResult } from '../servers/run-cli.ts'
import { tempDir, type TempDir } from '../servers/temp-dir.ts'

const canary = 'c4nary-p4ssword'
const example = `mirrors:
  docker.io:
    endpoint: ["https://m.example.com", "https://m.example.com/v2", "registry:notaport"]
    rewrite: {"^rancher/(.*)": "proj/$1"}
configs:
  m.example.com: {auth: {username: u, password: ${canary}}, tls: {ca_file: /ca}}
`

async function render(directory: TempDir, text: string, ...args: readonly string[]): Promise<CliResult> {
  const file = await directory.write('registries.yaml', text)
  return await runCli(['registries', 'render', '--registries', file, '--out', join(directory.path, 'out'), ...args])
}

/** Every file below a directory by its path. */
async function filesOf(directory: string): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return new Map(await Promise.all(paths.map(async (path) => [path.slice(directory.length + 1), await readFile(path, 'utf8')] as const)))
}

for (const { name, file, isRefused, log, hosts, configs, disableDefaultEndpoint, embeddedRegistry } of k3sCases) {
  test(`case ${name} is written byte for byte`, async () => {
    await using directory = await tempDir()
    const out = join(directory.path, 'out')
    const flags = [
      ...(disableDefaultEndpoint ? ['--disable-default-registry-endpoint'] : []),
      ...(embeddedRegistry ? ['--embedded-registry'] : []),
    ]
    const { status, stdout, stderr } = await runCli(['registries', 'render', '--registries', file, '--out', out, ...flags])
    if (isRefused) {
      assert.deepEqual([status, stdout], [2, ''])
      assert.match(stderr, /registries\.yaml:[0-9]+:[0-9]+: .* \(INVALID_CONFIG\)\nhint: /)
      await assert.rejects(stat(out), { code: 'ENOENT' })
      return
    }
    assert.equal(status, 0, stderr)
    const config = registrySection(configs.get(3) ?? '')
    assert.deepEqual(await filesOf(out), new Map([...hosts, ['config.toml', config]]))
    assert.deepEqual(stdout.trimEnd().split('\n').toSorted(), [...hosts.keys(), 'config.toml'].map((path) => join(out, path)).toSorted())
    assert.equal(stderr.split('\n').filter((line) => line.startsWith('warning: ')).length, log.length)
  })
}

test('--config-version and --full write the other files of K3s', async () => {
  await using directory = await tempDir()
  const basic = k3sCases.find(({ name }) => name === '01-basic-mirror')
  for (const version of [2, 3] as const) {
    const config = basic?.configs.get(version) ?? ''
    assert.equal((await render(directory, basic?.text ?? '', '--config-version', String(version))).status, 0)
    assert.equal(await readFile(join(directory.path, 'out/config.toml'), 'utf8'), registrySection(config))
    assert.equal((await render(directory, basic?.text ?? '', '--config-version', String(version), '--full')).status, 0)
    assert.equal(await readFile(join(directory.path, 'out/config.toml'), 'utf8'), config)
  }
})

test('every value of the node has its option', async () => {
  await using directory = await tempDir()
  const values = [
    '--containerd-opt',
    '/o',
    '--cni-bin-dir',
    '/b',
    '--cni-conf-dir',
    '/c',
    '--root',
    '/r',
    '--state',
    '/s',
    '--pause-image',
    'p:1',
  ]
  for (const [format, lines] of [
    ['k3s', ['path = "/o"', 'bin_dirs = ["/b"]', 'conf_dir = "/c"', 'root = "/r"', 'address = "/s/containerd.sock"', 'sandbox = "p:1"']],
    [
      'containerd',
      ['path = "/o"', 'bin_dirs = ["/b"]', 'conf_dir = "/c"', 'root = "/r"', 'address = "/s/containerd.sock"', 'sandbox = "p:1"'],
    ],
    ['legacy', ['path = "/o"', 'bin_dir = "/b"', 'conf_dir = "/c"', 'sandbox_image = "p:1"', '[plugins.opt]', '[plugins.cri.cni]']],
  ] as const) {
    assert.equal((await render(directory, '', '--format', format, '--full', '--selinux', '--userns', ...values)).status, 0)
    const text = await readFile(join(directory.path, 'out/config.toml'), 'utf8')
    const security = ['enable_selinux = true', 'disable_cgroup = true', 'disable_apparmor = true', 'restrict_oom_score_adj = true']
    for (const line of [...lines, ...security])
      assert.ok(
        text.split('\n').some((found) => found.trim() === line),
        `${line}\n${text}`,
      )
    assert.equal((await render(directory, '', '--format', format, '--full', '--no-flannel')).status, 0)
    assert.doesNotMatch(await readFile(join(directory.path, 'out/config.toml'), 'utf8'), /cni/)
  }
})

test('output contains no password, and files with passwords have mode 0600', async () => {
  for (const format of ['k3s', 'containerd', 'legacy']) {
    for (const output of ['text', 'json']) {
      await using directory = await tempDir()
      const { status, stdout, stderr } = await render(directory, example, '--format', format, '--output', output, '--verbose')
      assert.equal(status, 0)
      assert.ok(!`${stdout}${stderr}`.includes(canary))
      const config = join(directory.path, 'out/config.toml')
      assert.ok((await readFile(config, 'utf8')).includes(canary))
      assert.deepEqual([(await stat(config)).mode & 0o777, (await stat(join(config, '..'))).mode & 0o777], [0o600, 0o700])
    }
  }
})

test('an endpoint that K3s ignores is a warning, and a rewrite that cannot be converted is a note', async () => {
  await using directory = await tempDir()
  const { stderr } = await render(directory, example, '--format', 'containerd')
  assert.deepEqual(
    stderr.split('\n').map((line) => line.replace(/ cannot be converted.*/, '')),
    [
      'warning: Skipping duplicate endpoint URL 1=https://m.example.com/v2 for docker.io',
      'warning: Ignoring invalid endpoint URL 2=registry:notaport for docker.io: the port is not a number',
      'note: mirrors."docker.io": the rewrite "^rancher/(.*)"',
      '',
    ],
  )
  assert.equal((await render(directory, example, '--format', 'containerd', '--quiet')).stderr, '')
})

test('--output json is one document with files, warnings and notes', async () => {
  await using directory = await tempDir()
  const out = join(directory.path, 'out')
  await render(directory, 'mirrors: {old.example.com: {endpoint: [m.example.com]}}')
  const { stdout } = await render(directory, example, '--format', 'containerd', '--output', 'json')
  const { notes, ...document } = JSON.parse(stdout) as { notes: readonly string[] }
  assert.deepEqual(document, {
    schemaVersion: 1,
    command: 'registries render',
    format: 'containerd',
    files: ['certs.d/m.example.com/hosts.toml', 'certs.d/docker.io/hosts.toml', 'config.toml'].map((path) => join(out, path)),
    removed: [join(out, 'certs.d/old.example.com/hosts.toml')],
    warnings: [
      'Skipping duplicate endpoint URL 1=https://m.example.com/v2 for docker.io',
      'Ignoring invalid endpoint URL 2=registry:notaport for docker.io: the port is not a number',
    ],
  })
  assert.equal(notes.length, 1)
})

test('files of an earlier run are removed, and other files stay', async () => {
  await using directory = await tempDir()
  const out = join(directory.path, 'out')
  await mkdir(join(out, 'certs.d/theirs.example.com'), { recursive: true })
  await writeFile(join(out, 'certs.d/theirs.example.com/hosts.toml'), '# written by hand\n')
  await writeFile(join(out, 'notes.txt'), '')
  assert.equal((await render(directory, example)).status, 0)
  const { status, stderr } = await render(directory, 'mirrors: {quay.io: {endpoint: [m.example.com]}}', '--format', 'containerd')
  assert.equal(status, 0)
  assert.match(stderr, /^removed .*certs\.d\/docker\.io\/hosts\.toml of an earlier run$/m)
  assert.deepEqual([...(await filesOf(out)).keys()].toSorted(), [
    'certs.d/quay.io/hosts.toml',
    'certs.d/theirs.example.com/hosts.toml',
    'config.toml',
    'notes.txt',
  ])
  await render(directory, example, '--format', 'legacy')
  assert.deepEqual(await readdir(join(out, 'certs.d')), ['theirs.example.com'])
})

test('a manually written file is overwritten only with --force', async () => {
  for (const [path, text, format] of [
    [
      'config.toml',
      'version = 2\n[plugins."io.containerd.grpc.v1.cri".registry]\n  config_path = "/etc/containerd/certs.d"\n',
      'containerd',
    ],
    ['certs.d/docker.io/hosts.toml', '# mine\nserver = "https://registry-1.docker.io"\n', 'k3s'],
  ] as const) {
    await using directory = await tempDir()
    const file = join(directory.path, 'out', path)
    await mkdir(join(file, '..'), { recursive: true })
    await writeFile(file, text)
    const { status, stderr } = await render(directory, example, '--format', format)
    assert.equal(status, 2)
    assert.match(
      stderr,
      /^error: .*toml: it already exists, and neither K3s nor k3s-mirror generated it; nothing was written \(USAGE\)\nhint: .*--force/m,
    )
    assert.deepEqual(await filesOf(join(directory.path, 'out')), new Map([[path, text]]))
    assert.equal((await render(directory, example, '--format', format, '--force')).status, 0)
    assert.notEqual(await readFile(file, 'utf8'), text)
  }
})

test('only regular files are overwritten', async () => {
  await using directory = await tempDir()
  await mkdir(join(directory.path, 'out'))
  await symlink(await directory.write('other', 'untouched'), join(directory.path, 'out/config.toml'))
  const { status, stderr } = await render(directory, example)
  assert.equal(status, 6)
  assert.match(stderr, /^error: .*config\.toml: it exists and is not a regular file; nothing was written \(LOCAL_IO\)$/m)
  assert.deepEqual(await readdir(join(directory.path, 'out')), ['config.toml'])
  assert.equal(await readFile(join(directory.path, 'other'), 'utf8'), 'untouched')
})

const refused: Readonly<Record<string, readonly [text: string, args: readonly string[], error: RegExp]>> = {
  'a key that leaves certs.d': ['mirrors: {"../../x": {endpoint: [m.example.com]}}', [], /INVALID_CONFIG/],
  'invalid YAML': ['mirrors: [', [], /INVALID_CONFIG/],
  'an option of the node without --full': ['', ['--selinux'], /^error: --selinux requires --full \(USAGE\)/],
  '--no-flannel without --full': ['', ['--no-flannel'], /^error: --no-flannel requires --full \(USAGE\)/],
  '--config-version of the legacy format': ['', ['--format', 'legacy', '--config-version', '2'], /\(USAGE\)/],
  'an unknown format': ['', ['--format', 'docker'], /\(USAGE\)/],
  'an unknown version': ['', ['--config-version', '1'], /\(USAGE\)/],
}

for (const [name, [text, args, error]] of Object.entries(refused)) {
  test(`${name} is rejected, and nothing is written`, async () => {
    await using directory = await tempDir()
    const { status, stdout, stderr } = await render(directory, text, ...args)
    assert.deepEqual([status, stdout], [2, ''], stderr)
    assert.match(stderr, error)
    await assert.rejects(stat(join(directory.path, 'out')), { code: 'ENOENT' })
  })
}

test('an error names all positions that keep K3s from starting', async () => {
  await using directory = await tempDir()
  const { stderr } = await render(directory, 'mirrors: {docker.io: {endpoint: x}}\nconfigs: {a: {tls: {insecure_skip_verify: "true"}}}\n')
  assert.match(stderr, /registries\.yaml:1:33: .*; .*registries\.yaml:2:43: .* \(INVALID_CONFIG\)/)
})

test('an output that would overwrite its input is rejected', async () => {
  await using directory = await tempDir()
  const file = await directory.write('config.toml', '')
  const { status, stderr } = await runCli(['registries', 'render', '--registries', file, '--out', directory.path])
  assert.equal(status, 2)
  assert.match(stderr, /named twice.* \(USAGE\)/)
})
