import assert from 'node:assert/strict'
import { test } from 'node:test'
import { packagesOf, projectRoot } from '../../scripts/build-cli.ts'
import { bundleExecutable } from '../../scripts/package/bundle-executable.ts'

test('nothing in the executable, also no name of a file, follows from the directory of the checkout', async () => {
  const { main, parts, inputs } = await bundleExecutable('0123456789abcdef')
  // esbuild makes the name of a file from the paths of its modules.
  for (const text of [main, ...parts.keys(), ...parts.values(), ...inputs]) assert.ok(!text.includes(projectRoot), text.slice(0, 200))
})

test('a package inside of another is a package of its own', () => {
  const files = ['src/a.ts', 'node_modules/tar/index.js', 'node_modules/@x/y/lib/z.js', 'node_modules/tar-fs/node_modules/tar/index.js']
  assert.deepEqual(packagesOf(files), ['@x/y', 'tar', 'tar-fs/node_modules/tar'])
})
