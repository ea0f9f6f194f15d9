import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { openLayout } from '../../src/layout/open-layout.ts'
import { version } from '../../src/version.ts'
import { fileServer } from '../release/file-server.ts'
import { runCli } from '../servers/run-cli.ts'
import { tempDir } from '../servers/temp-dir.ts'

/** What these documents have in common. */
interface Document {
  readonly tool: unknown
  readonly startedAt: string
  readonly finishedAt: string
}

const closed = 'http://127.0.0.1:1'
const tag = 'v1.37.1+k3s1'
const schemas: Readonly<Record<string, string>> = { lock: 'lock-report', sync: 'sync-report', layout: 'layout-gc' }

const cases: readonly (readonly [status: number, line: string])[] = [
  [6, `diff stable list.txt --channel-url ${closed}`],
  [6, `diff ${closed} list.txt`],
  [3, `diff ${tag} list.txt --artifact-url RELEASE`],
  [6, `lock --release stable --channel-url ${closed}`],
  [2, 'lock Rancher/X'],
  [3, `lock --release ${tag} --artifact-url RELEASE`],
  [6, `prune --keep stable --to ${closed} --channel-url ${closed}`],
  [6, `prune --keep docker.io/rancher/x:1 --to ${closed}`],
  [6, 'prune --keep docker.io/rancher/x:1 --to oci:locked --yes'],
  [3, `prune --keep ${tag} --to ${closed} --artifact-url RELEASE`],
  [6, 'layout gc locked'],
  [6, 'sync --config channel.yaml'],
  [6, 'sync --config to.yaml --check'],
  [6, 'sync --config locked.yaml'],
  [3, 'sync --config sum.yaml'],
  [2, 'sync --config missing.yaml'],
]

test('commands that cannot begin end with the code of the reason, and a document that fits the schema', { concurrency: 3 }, async (t) => {
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  for (const name of ['diff', 'prune', 'lock', 'lock-report', 'layout-gc', 'sync-report'])
    ajv.addSchema(JSON.parse(await readFile(new URL(`../../schemas/${name}.schema.json`, import.meta.url), 'utf8')) as object, name)
  await using directory = await tempDir()
  await using writer = await openLayout(`${directory.path}/locked`)
  const path = `/${tag.replace('+', '%2B')}`
  await using release = await fileServer({
    [`${path}/k3s-images.txt`]: 'docker.io/rancher/x:1\n',
    [`${path}/sha256sum-amd64.txt`]: `${'0'.repeat(64)}  k3s-images.txt\n`,
  })
  await directory.write('list.txt', 'docker.io/rancher/x:1\n')
  const configs = {
    channel: `to: ${closed}, releases: stable, channelUrl: ${closed}`,
    to: `to: ${closed}, references: docker.io/rancher/x:1`,
    locked: 'to: oci:locked, references: docker.io/rancher/x:1',
    sum: `to: ${closed}, releases: ${tag}, artifactUrl: ${release.url}`,
  }
  for (const [name, entry] of Object.entries(configs))
    await directory.write(`${name}.yaml`, `schemaVersion: 1\nsync:\n  - { name: k3s, retries: 0, ${entry} }\n`)

  const check = async (status: number, line: string): Promise<void> => {
    const [command = '', ...rest] = line.split(' ').map((word) => word.replace('RELEASE', release.url))
    const retries = command === 'layout' || command === 'sync' ? [] : ['--retries', '0']
    const result = await runCli([command, ...rest, ...retries, '--output', 'json'], { cwd: directory.path })
    assert.equal(result.status, status, result.stderr)
    const document = JSON.parse(result.stdout) as Document
    assert.ok(ajv.validate(schemas[command] ?? command, document), ajv.errorsText())
    assert.deepEqual([document.tool, document.startedAt <= document.finishedAt], [{ name: 'k3s-mirror', version }, true])
  }
  await Promise.all(cases.map(([status, line]) => t.test(`${line}: ${status}`, () => check(status, line))))
  assert.equal(writer.lost.aborted, false)
})
