import assert from 'node:assert/strict'
import { test } from 'node:test'
import { projectRoot } from '../../scripts/build-cli.ts'
import { bundleExecutable } from '../../scripts/package/bundle-executable.ts'

test('nothing in the executable, also no name of a file, follows from the directory of the checkout', async () => {
  const { main, parts, inputs } = await bundleExecutable('0123456789abcdef')
  // esbuild makes the name of a file from the paths of its modules.
  for (const text of [main, ...parts.keys(), ...parts.values(), ...inputs]) assert.ok(!text.includes(projectRoot), text.slice(0, 200))
})
