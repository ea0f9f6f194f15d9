import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Command } from 'commander'
import { engineOptions, placeOptions, selectionOptions } from '../../../src/cli/actions/library-options.ts'
import { mirrorCommand, type MirrorFlags } from '../../../src/cli/commands/mirror.ts'
import { entryOptions } from '../../../src/cli/sync/entry-options.ts'
import { parseSyncConfig } from '../../../src/cli/sync/sync-config.ts'

/** Every option of an entry in the file, and the same on the command line of `mirror`. */
const options: readonly (readonly [key: string, yaml: string, args: readonly string[]])[] = [
  ['releases', '[stable, v1.37.1+k3s1]', ['--release', 'stable', '--release', 'v1.37.1+k3s1']],
  ['images', '[/srv/apps.txt]', ['--images', '/srv/apps.txt']],
  ['manifests', '[/srv/suc.yaml]', ['--manifest', '/srv/suc.yaml']],
  ['withUpgradeImages', 'true', ['--with-upgrade-images']],
  ['locked', '/srv/k3s.lock.yaml', ['--locked', '/srv/k3s.lock.yaml']],
  ['references', '[docker.io/library/nginx:1]', ['docker.io/library/nginx:1']],
  ['listSha256', '"' + 'a'.repeat(64) + '"', ['--list-sha256', 'a'.repeat(64)]],
  ['include', '["*"]', ['--include', '*']],
  ['exclude', '["*x*"]', ['--exclude', '*x*']],
  ['platforms', '[linux/amd64, linux/arm64]', ['--platform', 'linux/amd64,linux/arm64']],
  ['sparse', 'true', ['--sparse']],
  ['foreignLayers', 'true', ['--foreign-layers']],
  ['rewrite', '["^a=b"]', ['--rewrite', '^a=b']],
  ['flatten', 'true', ['--flatten']],
  ['ifChanged', 'fail', ['--if-changed', 'fail']],
  ['recheck', 'true', ['--recheck']],
  ['from', '{docker.io: cache.example.com}', ['--from', 'docker.io=cache.example.com']],
  ['registries', '/etc/registries.yaml', ['--registries', '/etc/registries.yaml']],
  ['artifactUrl', 'https://a.example.com', ['--artifact-url', 'https://a.example.com']],
  ['channelUrl', 'https://c.example.com', ['--channel-url', 'https://c.example.com']],
  ['tokenHosts', '[t.example.com]', ['--token-host', 't.example.com']],
  ['storageHosts', '[10.1.2.3:9000]', ['--storage-host', '10.1.2.3:9000']],
  ['jobs', '3', ['--jobs', '3']],
  ['blobJobs', '2', ['--blob-jobs', '2']],
  ['retries', '0', ['--retries', '0']],
  ['timeout', '5', ['--timeout', '5']],
  ['via', 'docker', ['--via', 'docker']],
  ['dockerHost', 'unix:///run/x.sock', ['--docker-host', 'unix:///run/x.sock']],
  ['keep', 'true', ['--keep']],
]

/** The library's options of a command line. */
function ofCommandLine(args: readonly string[]): object {
  const command = new Command().argument('[reference...]')
  for (const option of mirrorCommand.options) command.addOption(option)
  command.parse(args, { from: 'user' })
  const flags: MirrorFlags = command.opts()
  return { ...placeOptions(flags), ...engineOptions(flags), ...selectionOptions(command.args, flags) }
}

test('an entry has exactly the options of mirror with the same command line', () => {
  const yaml = options.map(([key, value]) => `    ${key}: ${value}\n`).join('')
  const [entry] = parseSyncConfig(`schemaVersion: 1\nsync:\n  - name: all\n    to: reg.example.com\n${yaml}`, 'sync.yaml', {}).entries
  assert.ok(entry)
  assert.deepEqual(entryOptions(entry), ofCommandLine(['--to', 'reg.example.com', ...options.flatMap(([, , args]) => args)]))
})

test('every option of the schema has its option of mirror', () => {
  const schema = JSON.parse(readFileSync(new URL('../../../schemas/sync-config.schema.json', import.meta.url), 'utf8')) as {
    readonly $defs: Readonly<Record<'entry' | 'options', { readonly properties: object }>>
  }
  const keys = [...Object.keys(schema.$defs.entry.properties), ...Object.keys(schema.$defs.options.properties)]
  assert.deepEqual(options.map(([key]) => key).toSorted(), keys.filter((key) => key !== 'name' && key !== 'to').toSorted())
})

test('options of the command line of sync replace those of the entry', () => {
  const entry = { name: 'a', to: ['reg.example.com'], references: ['nginx'], channelUrl: 'https://file.example.com' }
  const { channelUrl, artifactUrl } = entryOptions(entry, { channelUrl: 'https://option.example.com' })
  assert.deepEqual([channelUrl, artifactUrl], ['https://option.example.com', undefined])
})
