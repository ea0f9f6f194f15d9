import assert from 'node:assert/strict'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { projectRoot } from '../../scripts/build-cli.ts'
import { readNodePackage } from '../../scripts/package/node-binary.ts'
import { nodeVersion, targets } from '../../scripts/package/targets.ts'

test('what an interrupted download left is downloaded again, and the reason of a failure is reported', (t) => {
  const [target] = targets
  assert.ok(target)
  const cache = `${projectRoot}node_modules/.cache/k3s-mirror-package`
  const file = `${cache}/k3s-mirror-test-${nodeVersion}.tgz`
  mkdirSync(cache, { recursive: true })
  writeFileSync(file, 'half a file')
  const variables = { npm_config_registry: 'http://127.0.0.1:1/', npm_config_fetch_retries: '0' }
  Object.assign(process.env, variables)
  t.after(() => {
    for (const name of Object.keys(variables)) delete process.env[name]
  })
  assert.throws(
    () => readNodePackage({ ...target, package: 'k3s-mirror-test' }, []),
    /^Error: cannot download k3s-mirror-test@[^]*ECONNREFUSED/,
  )
  assert.equal(existsSync(file), false)
})
