import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkOptions } from '../../src/runs/check-options.ts'

test('accepts every shape that the types allow', () => {
  checkOptions({
    to: 'registry.example.com',
    references: ['rancher/x:1'],
    from: { 'docker.io': 'http://x' },
    via: 'docker',
    sparse: false,
    jobs: 1,
    blobJobs: 2,
    splitSize: 1_048_576,
    timeout: 0.5,
    retry: { retries: 0 },
    environment: process.env,
    name: undefined,
    expected: { name: 'x', digests: new Map() },
    signal: new AbortController().signal,
    stdin: process.stdin,
    destinationCredentials: { username: 'u', password: '' },
    unknown: Symbol('kept'),
  })
})

test('refuses another shape with the name of the option and the expected form', () => {
  for (const [options, message] of [
    [undefined, 'options must be an object: got undefined'],
    ['rancher/x:1', 'options must be an object: got a string'],
    [{ to: 5 }, 'options.to must be a string: got 5'],
    [{ images: 'list.txt' }, 'options.images must be an array of strings: got a string'],
    [{ references: [1] }, 'options.references must be an array of strings: got an array'],
    [{ files: [] }, 'options.files must be an array of at least one string: got an array'],
    [{ jobs: 0 }, 'options.jobs must be a whole number of at least 1: got 0'],
    [{ jobs: Number.NaN }, 'options.jobs must be a whole number of at least 1: got NaN'],
    [{ blobJobs: 1.5 }, 'options.blobJobs must be a whole number of at least 1: got 1.5'],
    [{ splitSize: 4 }, 'options.splitSize must be a whole number of at least 1048576 bytes: got 4'],
    [{ timeout: 0 }, 'options.timeout must be a number of milliseconds above 0: got 0'],
    [{ retry: 3 }, /^options\.retry must be an object with retries.*: got 3$/],
    [{ retry: { retries: -1 } }, /^options\.retry must be an object with retries.*: got an object$/],
    [{ from: 'docker.io=x' }, 'options.from must be an object with string values: got a string'],
    [{ via: 'podman' }, "options.via must be 'registry' or 'docker': got a string"],
    [{ sparse: 'yes' }, 'options.sparse must be a boolean: got a string'],
    [{ signal: {} }, 'options.signal must be an AbortSignal: got an object'],
    [
      { destinationCredentials: 'user:s3cret' },
      'options.destinationCredentials must be an object with username and password: got a string',
    ],
  ] as const) {
    assert.throws(() => checkOptions(options), { code: 'USAGE', message })
  }
})

test('refuses a missing option that is required', () => {
  assert.throws(() => checkOptions({}, ['to']), { code: 'USAGE', message: 'options.to is required', hint: 'set options.to' })
})
