import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readSyncConfig } from '../../../src/cli/sync/read-sync-config.ts'
import { tempDir } from '../../servers/temp-dir.ts'

test('refuses a login of the environment that entries with different registries would share', async () => {
  await using directory = await tempDir()
  const path = await directory.write(
    'sync.yaml',
    `schemaVersion: 1
sync:
  - {name: a, releases: stable, to: [a.example.com/one, a.example.com/two, "oci:site"]}
  - {name: b, releases: stable, to: b.example.com}
`,
  )
  const environment = { K3S_MIRROR_USERNAME: 'robot', K3S_MIRROR_PASSWORD: 'canary' }
  const options = { signal: new AbortController().signal, environment }
  await assert.rejects(readSyncConfig(path, options), {
    code: 'USAGE',
    message: /do not say which registry they are for: https:\/\/a\.example\.com and https:\/\/b\.example\.com$/,
  })
  await assert.rejects(readSyncConfig(path, { ...options, environment: { K3S_MIRROR_USERNAME: 'robot' } }), /PASSWORD is not/)
  assert.equal((await readSyncConfig(path, { ...options, only: ['a'] })).entries.length, 1)
  assert.equal((await readSyncConfig(path, { ...options, environment: {} })).entries.length, 2)
})
