import assert from 'node:assert/strict'
import { syncBuiltinESMExports } from 'node:module'
import os from 'node:os'
import { test } from 'node:test'
import { dockerConfigDirectory } from '../../../src/cli/actions/library-options.ts'

test("a user without a home directory has no Docker configuration, except in DOCKER_CONFIG's directory", (t) => {
  const given = process.env['DOCKER_CONFIG']
  t.after(() => {
    if (given === undefined) delete process.env['DOCKER_CONFIG']
    else process.env['DOCKER_CONFIG'] = given
    t.mock.restoreAll()
    syncBuiltinESMExports()
  })
  delete process.env['DOCKER_CONFIG']
  assert.equal(dockerConfigDirectory(), `${os.homedir()}/.docker`)
  t.mock.method(os, 'homedir', () => {
    throw new Error('uv_os_homedir returned ENOENT')
  })
  syncBuiltinESMExports()
  assert.equal(dockerConfigDirectory(), undefined)
  process.env['DOCKER_CONFIG'] = '/logins'
  assert.equal(dockerConfigDirectory(), '/logins')
})
