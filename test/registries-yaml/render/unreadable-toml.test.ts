import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unreadableToml } from '../../../src/registries-yaml/render/unreadable-toml.ts'

test('valid files are readable by both versions', () => {
  const text = 'server = "https://[::1]/v2"\n\n[host]\n\n[host."https://a.example.com/v2"]\n  ca = ["C:\\\\x\\\\e"]\n'
  for (const version of [2, 3] as const) assert.equal(unreadableToml(text, version), undefined)
})

test('TOML 1.1 is unreadable', () => {
  for (const version of [2, 3] as const) {
    assert.match(unreadableToml('a = "\\x01"\n', version) ?? '', /Go/)
    assert.match(unreadableToml('a = "\\\\\\e"\n', version) ?? '', /Go/)
    assert.match(unreadableToml('a = "\\a"\n', version) ?? '', /invalid TOML/)
  }
})

test('only containerd 1 cannot read brackets in the name of a table', () => {
  for (const text of ['[host."http://[::1]/v2"]\n', '[plugins."cri".registry.configs."[::1]:5000".auth]\n']) {
    assert.match(unreadableToml(text, 2) ?? '', /brackets/)
    assert.equal(unreadableToml(text, 3), undefined)
  }
})
