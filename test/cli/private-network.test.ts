import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runInPrivateNetwork } from '../servers/private-network.ts'
import { requireServer } from '../servers/require-server.ts'
import type { NetworkRun } from './private-network-runs.ts'

test('follows a registry that is reached by name to private addresses where it has one itself, or where they are trusted', async (t) => {
  if (!requireServer(t, 'namespaces')) return
  const text = await runInPrivateNetwork(new URL('./private-network-runs.ts', import.meta.url), {
    addresses: ['10.1.2.3', '10.1.2.4', '203.0.113.7', '169.254.7.7'],
    names: {
      'private.test': '10.1.2.3',
      'public.test': '203.0.113.7',
      'linklocal.test': '169.254.7.7',
      'storage.test': '10.1.2.4',
      'loop.test': '127.0.0.1',
    },
  })
  const runs = new Map((JSON.parse(text) as NetworkRun[]).map((run) => [run.name, run]))
  const follows = (name: string): void => {
    const run = runs.get(name)
    assert.deepEqual([run?.status, run?.isMirrored], [0, true], `${name}: ${run?.output}`)
  }
  const refuses = (name: string, why: RegExp): void => {
    const run = runs.get(name)
    assert.deepEqual([run?.status, run?.isMirrored], [1, false], `${name}: ${run?.output}`)
    assert.match(run?.output ?? '', why)
  }
  follows('private name, private storage')
  follows('private name, upload at its address')
  refuses('public name, private storage', /is a private address \(REFUSED_ADDRESS\)[^]*hint: .*--storage-host 10\.1\.2\.4/)
  follows('public name, private storage that is trusted')
  refuses('private name, metadata address', /is a link-local address/)
  refuses('private name, loopback', /is a loopback address/)
  refuses(
    'private name, name of a link-local address',
    /linklocal\.test:\d+ is 169\.254\.7\.7, an address that registries must not refer to/,
  )
  assert.equal(runs.get('private name, name of a link-local address')?.asked, 0)
  follows('private name, name of a private storage')
  refuses(
    'public name, name of a private storage',
    /storage\.test:\d+ is 10\.1\.2\.4, a private address[^]*\(REFUSED_ADDRESS\)[^]*hint: .*--storage-host storage\.test/,
  )
  assert.equal(runs.get('public name, name of a private storage')?.asked, 0)
  follows('public name, name of a trusted storage')
  refuses('public name, name of this machine', /loop\.test:\d+ is 127\.0\.0\.1, a loopback address/)
  assert.equal(runs.get('public name, name of this machine')?.asked, 0)
  assert.equal(runs.size, 11)
})
