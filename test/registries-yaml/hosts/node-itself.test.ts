import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isNodeItself, isListenAddress, nodeItselfWarning } from '../../../src/registries-yaml/hosts/node-itself.ts'

const own = [
  '127.0.0.1',
  '127.0.0.1:5000',
  '127.9.9.9:1',
  'localhost',
  'LocalHost:5000',
  'localhost.:5000',
  'registry.localhost:5000',
  '::1',
  '[::1]',
  '[::1]:5000',
  '0.0.0.0:5000',
  '[::]:5000',
  '[::ffff:127.0.0.1]:5000',
  '[::ffff:7f00:1]',
]
const others = [
  '',
  '10.0.0.1:5000',
  '128.0.0.1',
  '192.168.0.1',
  'registry.example.com:5000',
  'localhost.example.com',
  'notlocalhost',
  '[fd00::1]:5000',
  '[::2]',
  '[',
  '127.0.0.1.example.com',
]

test('localhost, loopback addresses and unspecified addresses are the node itself', () => {
  for (const host of own) assert.equal(isNodeItself(host), true, host)
  for (const host of others) assert.equal(isNodeItself(host), false, host)
})

test('only 0.0.0.0 and :: are unspecified', () => {
  for (const host of ['0.0.0.0', '0.0.0.0:5000', '[::]', '[::]:80', '::']) assert.equal(isListenAddress(host), true, host)
  for (const host of ['127.0.0.1', '[::1]', 'localhost', '', '0.0.0.1']) assert.equal(isListenAddress(host), false, host)
})

test('the warning names the host without its port', () => {
  assert.equal(nodeItselfWarning('127.0.0.1:5000'), '127.0.0.1 means the node itself: use an address that nodes can reach')
  assert.match(nodeItselfWarning('[::1]:5000'), /^::1 means the node itself: /)
})
