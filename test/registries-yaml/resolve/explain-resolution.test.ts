import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseReference } from '../../../src/oci/reference.ts'
import type { K3sFlags } from '../../../src/registries-yaml/hosts/k3s-flags.ts'
import { parseRegistries } from '../../../src/registries-yaml/read/parse-registries.ts'
import { explainResolution } from '../../../src/registries-yaml/resolve/explain-resolution.ts'
import { createResolver } from '../../../src/registries-yaml/resolve/resolve-reference.ts'

function notes(content: object, image: string, flags: K3sFlags = {}): readonly (readonly string[])[] {
  const { registries } = parseRegistries(JSON.stringify(content), 'registries.yaml')
  return explainResolution(createResolver(registries, flags).resolve(parseReference(image)), registries, flags).endpoints
}

const hub = { mirrors: { 'docker.io': {} } }
const digest = `sha256:${'0'.repeat(64)}`

test('notes that peers do not share the tag latest', () => {
  const flags = { embeddedRegistry: true }
  for (const image of ['nginx', 'nginx:latest']) {
    const [peers = [], own = []] = notes(hub, image, flags)
    assert.deepEqual(peers, ['peers do not share the tag latest, unless the nodes run with K3S_P2P_ENABLE_LATEST=true'])
    assert.ok(own.every((note) => !note.includes('latest')))
  }
  for (const image of ['nginx:1.29', `nginx@${digest}`, `nginx:latest@${digest}`]) assert.deepEqual(notes(hub, image, flags)[0], [], image)
  assert.match(notes(hub, 'nginx', { ...flags, product: 'rke2' })[0]?.[0] ?? '', /RKE2_P2P_ENABLE_LATEST/)
  assert.match(notes(hub, 'nginx', { ...flags, embeddedAddress: '[::1]:6444' })[0]?.[0] ?? '', /K3S_P2P_ENABLE_LATEST/)
})

test('notes that Docker Hub at its other name gets no credentials of docker.io', () => {
  const mirrors = { 'docker.io': { endpoint: ['https://index.docker.io'], rewrite: { '^k3s-io/(.*)': 'rancher/$1' } } }
  const auth = { username: 'k3s', password: 'secret' }
  for (const key of ['docker.io', 'registry-1.docker.io']) {
    const [index = []] = notes({ mirrors, configs: { [key]: { auth } } }, 'k3s-io/app:1')
    assert.deepEqual(index, [
      'renamed by the rewrite "^k3s-io/(.*)"',
      `anonymous: the credentials are under "${key}", but containerd looks up exactly "index.docker.io"`,
    ])
  }
  const [index] = notes({ mirrors, configs: { 'index.docker.io': { auth } } }, 'k3s-io/app:1')
  assert.deepEqual(index, ['renamed by the rewrite "^k3s-io/(.*)"'])
})
