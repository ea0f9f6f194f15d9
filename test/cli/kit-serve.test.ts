import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runInPrivateNetwork } from '../servers/private-network.ts'
import { requireServer } from '../servers/require-server.ts'
import type { NodeInstall } from './offline-node.ts'

test('without a network, a node installs K3s from a served kit and pulls all its images', async (t) => {
  for (const name of ['namespaces', 'containerd'] as const) if (!requireServer(t, name)) return
  const text = await runInPrivateNetwork(new URL('./offline-node.ts', import.meta.url), { addresses: [], names: {} })
  const node = JSON.parse(text) as NodeInstall
  assert.deepEqual(
    node.installed,
    Array.from({ length: 4 }, () => 'v1.37.1+k3s1'),
  )
  assert.match(node.checked, /^k3s(-arm64)?: OK\n$/)
  assert.deepEqual(node.findings, [])
  assert.match(node.named, /^ {6}- https:\/\/kit\.example\.com:8443$[^]*^ {6}ca_file: \/etc\/rancher\/k3s\/registry-ca\.crt$/m)
  assert.deepEqual([node.origins, node.outside, node.printed], [[node.site], [], 'busybox'])
})
