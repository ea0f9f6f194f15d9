import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import createDebug from 'debug'
import { Engine } from '../../src/engine/engine.ts'
import { startScriptedEngine } from '../servers/scripted-engine.ts'

const isLoaded = (name: string): boolean =>
  Object.keys(createRequire(import.meta.url).cache).some((path) => path.includes(`/node_modules/${name}/`))

test('dockerode is loaded for the first Engine, and its log of requests is off from then on', async () => {
  assert.equal(isLoaded('dockerode'), false)
  createDebug.enable('modem,other')
  await using server = await startScriptedEngine()
  using engine = await Engine.open({
    address: { kind: 'socket', path: server.socket },
    name: 'test',
    timeout: 5000,
    silence: 5000,
    restart: 1,
  })
  assert.ok(engine.facts.apiVersion)
  assert.equal(isLoaded('dockerode'), true)
  assert.deepEqual([createDebug.enabled('modem'), createDebug.enabled('other')], [false, true])
})
