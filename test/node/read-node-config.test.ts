import assert from 'node:assert/strict'
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { isMirrorError } from '../../src/errors.ts'
import type { NodeSettings } from '../../src/node/node-settings.ts'
import { readNodeConfig, type NodeConfig, type NodeConfigOptions } from '../../src/node/read-node-config.ts'
import { tempDir } from '../servers/temp-dir.ts'

const main = '/etc/rancher/k3s/config.yaml'

type Files = Readonly<Record<string, string>>

/** Reads the configuration in a copy of a node's files, given by their paths on the node. */
async function read(files: Files, options: NodeConfigOptions = {}, path: string = main): Promise<NodeConfig> {
  await using root = await tempDir()
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(root.path, name)), { recursive: true })
    await writeFile(join(root.path, name), text)
  }
  return await readNodeConfig(path, { root: root.path, ...options })
}

async function settingsOf(text: string): Promise<Partial<NodeSettings>> {
  const { settings } = await read({ [main]: text })
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined))
}

/** The message of the refusal, with the path of the copy left out. */
async function refusal(files: Files, path: string = main): Promise<string> {
  let message = ''
  await assert.rejects(read(files, {}, path), (error) => {
    assert.ok(isMirrorError(error) && error.code === 'INVALID_CONFIG', String(error))
    message = error.message.replaceAll(/\/\S*(?=\/etc\/rancher)/g, '')
    return true
  })
  return message
}

test('reads every setting', async () => {
  const text = `
private-registry: /data/registries.yaml
data-dir: /data/k3s
system-default-registry: registry.example.com:5000/mirror
disable-default-registry-endpoint: yes
embedded-registry: "true"
airgap-extra-registry: [a.example.com, "b.example.com,c.example.com"]
pause-image: rancher/mirrored-pause:3.6
https-listen-port: 0x192b
supervisor-port: "9_345"
service-cidr: 10.43.0.0/16,fd00:43::/112
snapshotter: native
token: canary-4711
not-a-flag: {a: 1}
`
  assert.deepEqual(await settingsOf(text), {
    privateRegistry: '/data/registries.yaml',
    dataDir: '/data/k3s',
    systemDefaultRegistry: 'registry.example.com:5000/mirror',
    disableDefaultEndpoint: true,
    embeddedRegistry: true,
    // K3s does not split the values of this flag at commas.
    airgapExtraRegistries: ['a.example.com', 'b.example.com,c.example.com'],
    pauseImage: 'rancher/mirrored-pause:3.6',
    httpsListenPort: 6443,
    supervisorPort: 9345,
    serviceCidrs: ['10.43.0.0/16', 'fd00:43::/112'],
    snapshotter: 'native',
  })
})

const values: readonly (readonly [text: string, settings: NodeSettings])[] = [
  ['', {}],
  ['# nothing\n', {}],
  ['d: /data', { dataDir: '/data' }],
  ['data-dir: /data/../srv/k3s/', { dataDir: '/srv/k3s' }],
  ['data-dir:', {}],
  ['system-default-registry: ""', { systemDefaultRegistry: '' }],
  ['pause-image: ""', { pauseImage: '' }],
  ['embedded-registry: off', { embeddedRegistry: false }],
  ['embedded-registry: [false, 1]', { embeddedRegistry: true }],
  ['supervisor-port: 0', {}],
  ['service-cidr: [fd00:43::/112, 10.43.0.0/16]', { serviceCidrs: ['fd00:43::/112', '10.43.0.0/16'] }],
  ['service-cidr: []', {}],
  ['node-ip: "fd00::1,10.0.0.1"', { serviceCidrs: ['fd00:43::/112'] }],
  ['i: 10.0.0.1', {}],
  ['data-dir: /a\ndata-dir: /b', { dataDir: '/b' }],
  ['data-dir: [/a, /b]', { dataDir: '/b' }],
]

test('reads values as the flags of K3s do', async () => {
  for (const [text, settings] of values) assert.deepEqual(await settingsOf(text), settings, text)
})

test('reads drop-in files in the order of their names, and lets the last file win', async () => {
  const { settings, files } = await read({
    [main]: 'data-dir: /a\nservice-cidr: 10.43.0.0/16\npause-image: a/pause:1',
    [`${main}.d/10-b.yaml`]: 'data-dir: /b\nservice-cidr+: fd00:43::/112',
    [`${main}.d/9-c.YML`]: 'data-dir: /c\npause-image: c/pause:1',
    [`${main}.d/99-ignored.txt`]: 'data-dir: /d',
    [`${main}.d/sub.yaml/x.yaml`]: 'data-dir: /e',
  })
  assert.deepEqual(files, [main, `${main}.d/10-b.yaml`, `${main}.d/9-c.YML`])
  assert.equal(settings.dataDir, '/c')
  assert.equal(settings.pauseImage, 'c/pause:1')
  assert.deepEqual(settings.serviceCidrs, ['10.43.0.0/16', 'fd00:43::/112'])
})

test('accepts a missing file where there is a drop-in file, or where it is optional', async () => {
  const { settings, files } = await read({ [`${main}.d/a.yaml`]: 'data-dir: /a' })
  assert.equal(settings.dataDir, '/a')
  assert.deepEqual(files, [`${main}.d/a.yaml`])
  assert.deepEqual((await read({}, { isOptional: true })).files, [])
  assert.equal(await refusal({}), `cannot read ${main}: no such file`)
})

const refused: readonly (readonly [text: string, message: string])[] = [
  ['- a\n', `${main}:1:1: must be a mapping, not a list`],
  ['data-dir: "a\n', `${main}:2:1: invalid YAML: missing character, often a quote or a colon`],
  ['token: x\nembedded-registry: "yes"', `${main}:2:1: embedded-registry: must be true or false`],
  ['embedded-registry:', `${main}:1:1: embedded-registry: must be true or false`],
  ['https-listen-port: abc', `${main}:1:1: https-listen-port: must be a port number of at most 65535`],
  ['https-listen-port: 65536', `${main}:1:1: https-listen-port: must be a port number of at most 65535`],
  ['service-cidr: 10.43.0.0', `${main}:1:1: service-cidr: "10.43.0.0" is not a CIDR such as 10.43.0.0/16`],
  ['data-dir: {a: b}', `${main}:1:1: data-dir: must be a single value, not a mapping`],
  ['d: /a\ndata-dir: /b', `${main}:2:1: data-dir: K3s does not start with two forms of one flag, d and data-dir`],
]

test('refuses what K3s does not start with, and names the position', async () => {
  for (const [text, message] of refused) assert.equal(await refusal({ [main]: text }), message, text)
  const dropIn = `${main}.d/a.yml`
  assert.equal(await refusal({ [main]: '', [dropIn]: '\n x\ty: [' }), `${dropIn}:2:8: invalid YAML: wrong indentation`)
})

test('does not print values of the file', async () => {
  for (const text of ['token: "canary-4711', 'token: canary-4711\n\tx: 1', 'embedded-registry: canary-4711']) {
    assert.doesNotMatch(await refusal({ [main]: text }), /canary/)
  }
})

test('warns where containerd of K3s does not pull the images, and of a relative directory', async () => {
  const { warnings, settings } = await read({ [main]: 'docker: true\ncontainer-runtime-endpoint: /run/c.sock\ndata-dir: data' })
  assert.equal(settings.dataDir, '/data')
  assert.deepEqual(
    warnings.map((warning) => warning.replace(/^.*\/etc/, '/etc')),
    [
      `${main}:1:1: docker: containerd of K3s does not pull the images, so registries.yaml has no effect`,
      `${main}:2:1: container-runtime-endpoint: containerd of K3s does not pull the images, so registries.yaml has no effect`,
      `${main}:3:1: data-dir: the path is relative to the working directory of K3s, which is / for a service`,
    ],
  )
})

test('reads the configuration of RKE2 with its own defaults', async () => {
  const path = '/etc/rancher/rke2/config.yaml'
  assert.equal((await read({ [path]: '' }, {}, path)).settings.product, 'rke2')
})

test('follows links below the root of a copy, and none out of it', async () => {
  await using outside = await tempDir()
  await outside.write('secret.yaml', 'data-dir: /outside')
  await using root = await tempDir()
  await mkdir(join(root.path, 'etc/rancher/k3s/config.yaml.d'), { recursive: true })
  await mkdir(join(root.path, 'srv'))
  await writeFile(join(root.path, 'srv/real.yaml'), 'data-dir: /inside')
  await symlink('/srv/real.yaml', join(root.path, main))
  assert.equal((await readNodeConfig(main, { root: root.path })).settings.dataDir, '/inside')
  const dropIn = join(root.path, `${main}.d/a.yaml`)
  for (const target of [join(outside.path, 'secret.yaml'), '../../../../../../../../../../srv/none.yaml']) {
    await symlink(target, dropIn)
    await assert.rejects(readNodeConfig(main, { root: root.path }), /cannot read .*a\.yaml: no such file/)
    await rm(dropIn)
  }
  await symlink('a.yaml', dropIn)
  await assert.rejects(readNodeConfig(main, { root: root.path }), /too many symbolic links/)
})
