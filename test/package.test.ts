import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { tempDir } from './servers/temp-dir.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))

test('packs the program and its docs, and runs where the package is installed', async () => {
  await using directory = await tempDir()
  const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', directory.path]
  const { stdout } = await run('npm', pack, { cwd: root, env: { ...process.env, npm_config_cache: join(directory.path, 'cache') } })
  const [packed] = JSON.parse(stdout) as readonly { readonly filename: string; readonly files: readonly { readonly path: string }[] }[]
  assert.ok(packed)
  const outside = packed.files
    .map(({ path }) => path)
    .filter(
      (path) =>
        !/^(?:dist\/.*\.(?:js|d\.ts)|docs\/[\w-]+\.md|schemas\/[\w-]+\.schema\.json|deploy\/kubernetes\/[\w/-]+\.(?:yaml|txt))$/.test(path),
    )
  for (const expected of ['docs/getting-started.md', 'schemas/prune.schema.json', 'deploy/kubernetes/shards/list.txt'])
    assert.ok(
      packed.files.some(({ path }) => path === expected),
      expected,
    )
  const typed = packed.files.map(({ path }) => path).filter((path) => path.startsWith('dist/cli/') && path.endsWith('.d.ts'))
  assert.deepEqual(typed, [], 'the command line has no types')
  const configs = ['k3s-mirror-serve.service', 'k3s-mirror-sync.service', 'sync.yaml'].map((name) => `configs/${name}`)
  const built = ['dist/cli/commit.txt', 'dist/cli/third-party-notices.txt', 'dist/k3s-mirror.1']
  assert.deepEqual(outside.toSorted(), ['CHANGELOG.md', 'LICENSE', 'README.md', ...configs, ...built, 'package.json'])

  // Unpacked and linked by hand: tests never contact a package registry.
  const installed = join(directory.path, 'node_modules', 'k3s-mirror')
  await mkdir(installed, { recursive: true })
  await run('tar', ['-xzf', join(directory.path, packed.filename), '-C', installed, '--strip-components=1'])
  await symlink(join(root, 'node_modules'), join(installed, 'node_modules'))
  const program = join(directory.path, 'k3s-mirror')
  await symlink(join(installed, 'dist', 'cli', 'main.js'), program)
  assert.match((await run(process.execPath, [program, '--version'])).stdout, /^\d+\.\d+\.\d+\n$/)
  const script = `
    import { version } from 'k3s-mirror'
    import 'k3s-mirror/registries'
    import 'k3s-mirror/server'
    import 'k3s-mirror/schemas/report.schema.json' with { type: 'json' }
    console.log(version)
  `
  const imported = await run(process.execPath, ['--input-type=module', '--eval', script], { cwd: directory.path })
  assert.match(imported.stdout, /^\d+\.\d+\.\d+\n$/)
})
