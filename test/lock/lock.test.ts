import assert from 'node:assert/strict'
import { test } from 'node:test'
import { looksLikeLock } from '../../src/lock/lock.ts'

test('distinguishes lock files from text lists and other YAML', () => {
  const locks = ['# Lock file of k3s-mirror: x', '\uFEFF# x\n\n---\nimages:\n', 'schemaVersion: 1\r\nlists: []', 'lists: []\n']
  for (const text of locks) assert.equal(looksLikeLock(text), true, text)
  const others = ['', '# images\nimages:1\n', 'docker.io/a/b:1\nimages:\n', 'apiVersion: v1\n', 'lists:1\n', '{"images":[]}', 'bundle\n']
  for (const text of others) assert.equal(looksLikeLock(text), false, text)
})
