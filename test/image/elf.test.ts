import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { readElf } from '../../scripts/image/elf.ts'

test(
  'reads the architecture, the interpreter and the libraries of a program as ldd does',
  { skip: process.platform !== 'linux' },
  async () => {
    const program = '/bin/ls'
    const { architecture, interpreter, libraries } = readElf(await readFile(program), program)
    assert.equal(architecture, process.arch === 'x64' ? 'amd64' : process.arch)
    const { stdout } = await promisify(execFile)('ldd', [program])
    assert.ok(libraries.includes('libc.so.6'))
    for (const library of libraries) assert.ok(stdout.includes(`\t${library} => `), library)
    assert.ok(interpreter !== undefined && stdout.includes(`\t${interpreter} (`), interpreter)
  },
)

test('rejects a file that is not an executable for one of the platforms', () => {
  assert.throws(() => readElf(Buffer.from(`#!/bin/sh\n${' '.repeat(64)}`), 'script'), {
    message: 'script is not an executable file for linux/amd64 or linux/arm64',
  })
})
