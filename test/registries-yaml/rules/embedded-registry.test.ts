import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lintRegistries, type LintOptions } from '../../../src/registries-yaml/lint/lint.ts'
import { parseRegistries } from '../../../src/registries-yaml/read/parse-registries.ts'
import { parseVersion } from '../../../src/release/version.ts'

async function messages(mirrors: readonly string[], options: LintOptions = {}): Promise<readonly string[]> {
  const text = JSON.stringify({ mirrors: Object.fromEntries(mirrors.map((key) => [key, {}])) })
  const findings = await lintRegistries(parseRegistries(text, 'registries.yaml'), { embeddedRegistry: true, ...options })
  return findings.filter(({ rule }) => rule === 'embedded-registry').map(({ message }) => message)
}

test('a mirror that is more than host[:port] keeps K3s from starting with the embedded registry', async () => {
  for (const key of ['docker.io/library', 'https://quay.io', 'docker.io?x', 'k3s@docker.io']) {
    const [message = ''] = await messages([key])
    assert.match(message, /K3s does not start/, key)
    assert.deepEqual(await messages([key], { version: parseVersion('v1.34.1+k3s1') }), [], key)
  }
  assert.match((await messages(['*', '_default']))[0] ?? '', /both wildcards$/)
})

test('the own address of the embedded registry is not a mirror to share', async () => {
  assert.match((await messages(['127.0.0.1:6443']))[0] ?? '', /does not start/)
  assert.match((await messages(['node.example.com:6443'], { embeddedAddress: 'node.example.com:6443' }))[0] ?? '', /does not start/)
  assert.deepEqual(await messages(['node.example.com:6443']), [])
})

test('releases before the embedded registry are reported by another rule', async () => {
  assert.deepEqual(await messages([], { version: parseVersion('v1.28.5+k3s1') }), [])
})
