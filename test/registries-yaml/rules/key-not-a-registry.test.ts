import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseReference } from '../../../src/oci/reference.ts'
import { lintRegistries, type LintOptions } from '../../../src/registries-yaml/lint/lint.ts'
import { parseRegistries } from '../../../src/registries-yaml/read/parse-registries.ts'
import { renderK3s } from '../../../src/registries-yaml/render/k3s.ts'
import { createResolver } from '../../../src/registries-yaml/resolve/resolve-reference.ts'

const endpoint = ['https://registry.example.com']

function read(content: object) {
  return parseRegistries(JSON.stringify(content), 'registries.yaml')
}

async function message(content: object, options: LintOptions = {}): Promise<string> {
  const findings = await lintRegistries(read(content), { files: false, ...options })
  return findings.find(({ rule }) => rule === 'key-not-a-registry')?.message ?? ''
}

test('the message about _default and a directory of Windows says what K3s writes and containerd reads', async () => {
  for (const [key, image] of [
    ['_default', 'quay.io/team/app:1'],
    ['registry.example.com_5000_', 'registry.example.com:5000/team/app:1'],
  ] as const) {
    const content = { mirrors: { [key]: { endpoint } } }
    const { registries } = read(content)
    const server = `https://${key}/v2`
    assert.match(
      renderK3s(registries, { version: 3 }).files.get(`certs.d/${key}/hosts.toml`) ?? '',
      new RegExp(`^server = "${server}"$`, 'm'),
    )
    const urls = createResolver(registries)
      .resolve(parseReference(image))
      .endpoints.map(({ url }) => url)
    assert.deepEqual(urls, ['https://registry.example.com/v2', server])
    assert.ok((await message(content)).includes(`certs.d/${key}/hosts.toml`))
    assert.ok((await message(content)).includes(`the server "${server}", which does not exist`))
    // Without a default endpoint there is no such server.
    assert.doesNotMatch(await message(content, { disableDefaultEndpoint: true }), /the server/)
  }
})

test('settings under _default lead every pull to a host that does not exist', async () => {
  const content = { configs: { _default: { tls: { ca_file: '/ca.crt' } } } }
  const [own] = createResolver(read(content).registries).resolve(parseReference('quay.io/team/app:1')).endpoints
  assert.equal(own?.url, 'https://_default/v2')
  assert.match(await message(content), /the server "https:\/\/_default\/v2", which does not exist$/)
  assert.equal(await message({ configs: { _default: {} } }), '')
})

test('the message about two entries for one file says that one is lost', async () => {
  assert.match(await message({ mirrors: { '*': { endpoint }, _default: { endpoint } } }), /one of them is lost$/)
})

test('images of a name without a dot belong to docker.io', async () => {
  assert.equal(parseReference('customreg/app').registry, 'docker.io')
  assert.match(await message({ mirrors: { customreg: { endpoint } } }), /images named "customreg\/…" belong to docker\.io$/)
})
