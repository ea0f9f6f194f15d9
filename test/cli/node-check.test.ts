import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { healthyFiles, nodeTree, plantedSecrets, registriesYaml } from '../node/check/node-trees.ts'
import { runCli } from '../servers/run-cli.ts'

const containerd = '/var/lib/rancher/k3s/agent/etc/containerd'

test('prints one line and a fix for each finding, grouped by file, and ends with 4', async () => {
  await using tree = await nodeTree(healthyFiles())
  const healthy = await runCli(['node', 'check', '--root', tree.path])
  assert.equal(healthy.status, 0, healthy.stderr)
  assert.match(healthy.stdout, /\nno problems\n$/)
  await tree.add({
    '/etc/rancher/k3s/registries.yaml': registriesYaml.replace('s3cr3t-passw0rd', 'old-passw0rd-9').replace('/v2"', '/v2/x"'),
  })
  const { status, stdout, stderr } = await runCli(['node', 'check', '--root', tree.path])
  assert.equal(status, 4, stderr)
  assert.match(stdout, new RegExp(`^${containerd}/config\\.toml\\n {2}error {4}credentials-changed .*\\n {11}fix: restart K3s`, 'm'))
  assert.match(stdout, /\n2 errors; restart K3s to apply changes\n$/)
  for (const secret of plantedSecrets) assert.ok(!`${stdout}${stderr}`.includes(secret), secret)
})

test('compares with what the given version writes, of K3s and of RKE2', async () => {
  await using k3s = await nodeTree(healthyFiles({ version: 2 }))
  const older = await runCli(['node', 'check', '--root', k3s.path, '--k3s-version', 'v1.30.4+k3s1'])
  assert.match(older.stdout, /\nno problems\n$/)
  await using rke2 = await nodeTree(healthyFiles({ flags: { product: 'rke2' } }))
  const other = await runCli(['node', 'check', '--root', rke2.path, '--k3s-version', 'v1.37.1+rke2r1'])
  assert.match(other.stdout, /\nno problems\n$/)
})

test('prints a document that its schema describes', async () => {
  await using tree = await nodeTree(healthyFiles({ config: 'airgap-extra-registry: r.example.com\n' }))
  const { status, stdout } = await runCli(['node', 'check', '--root', tree.path, '--output', 'json'])
  assert.equal(status, 0)
  const schema: object = JSON.parse(await readFile(new URL('../../schemas/node-check.schema.json', import.meta.url), 'utf8'))
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false })
  const isValid = ajv.validate(schema, JSON.parse(stdout))
  assert.ok(isValid, ajv.errorsText())
})

test('ends with 2 for a root that does not exist', async () => {
  const { status, stderr } = await runCli(['node', 'check', '--root', '/missing/node'])
  assert.equal(status, 2)
  assert.match(stderr, /--root "\/missing\/node": no such file or directory/)
})
