import assert from 'node:assert/strict'
import { test } from 'node:test'
import { effectWithout } from '../../../src/registries-yaml/lint/missing-settings.ts'
import type { RegistryConfig } from '../../../src/registries-yaml/registries.ts'

const noAuth = { username: '', password: '', auth: '', identityToken: '' }
const noTls = { caFile: '', certFile: '', keyFile: '', insecureSkipVerify: false }
const full: RegistryConfig = {
  auth: { ...noAuth, username: 'k3s', password: 'secret' },
  tls: { caFile: '/ca.crt', certFile: '/c.crt', keyFile: '/c.key', insecureSkipVerify: true },
}

test('names what nodes do without settings', () => {
  assert.equal(
    effectWithout(full, 'https://registry.example.com/v2'),
    "nodes pull anonymously (401 if it requires a login) and trust only the system's CAs and send no client certificate and verify its certificate",
  )
  assert.equal(effectWithout(full, 'http://registry.example.com/v2'), 'nodes pull anonymously (401 if it requires a login)')
})

test('settings without effect change nothing', () => {
  assert.equal(effectWithout({ auth: noAuth, tls: noTls }, 'https://registry.example.com/v2'), '')
  assert.equal(effectWithout({ auth: undefined, tls: undefined }, 'https://registry.example.com/v2'), '')
})
