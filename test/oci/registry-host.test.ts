import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isDockerHub, registryHostKeys } from '../../src/oci/registry-host.ts'

test('an origin is found under its host, with and without the default port', () => {
  assert.deepEqual(registryHostKeys('https://registry.example.com'), ['registry.example.com', 'registry.example.com:443'])
  assert.deepEqual(registryHostKeys('http://registry.example.com'), ['registry.example.com', 'registry.example.com:80'])
  assert.deepEqual(registryHostKeys('https://registry.example.com:5000'), ['registry.example.com:5000'])
  assert.deepEqual(registryHostKeys('http://[::1]:5000'), ['[::1]:5000'])
})

test('Docker Hub has several names', () => {
  assert.deepEqual(registryHostKeys('https://registry-1.docker.io').slice(0, 3), [
    'registry-1.docker.io',
    'registry-1.docker.io:443',
    'docker.io',
  ])
  assert.equal(isDockerHub('https://index.docker.io'), true)
  assert.equal(isDockerHub('http://docker.io'), false)
  assert.equal(isDockerHub('https://docker.io.example.com'), false)
})
