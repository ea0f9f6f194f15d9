import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidArgumentError } from 'commander'
import { parseShard } from '../../../src/cli/options/shard.ts'

/** Reads the option with these variables of CI only. */
function parseWith(text: string, env: Readonly<Record<string, string>> = {}): ReturnType<typeof parseShard> {
  const names = ['JOB_COMPLETION_INDEX', 'CI_NODE_INDEX', 'CI_NODE_TOTAL']
  for (const name of names) delete process.env[name]
  Object.assign(process.env, env)
  try {
    return parseShard(text)
  } finally {
    for (const name of names) delete process.env[name]
  }
}

const refused = (text: string, message: RegExp, env?: Readonly<Record<string, string>>): void =>
  assert.throws(
    () => parseWith(text, env),
    (error) => error instanceof InvalidArgumentError && message.test(error.message),
    text,
  )

test('a shard is an index from 1 and a count of at most 1000', () => {
  assert.deepEqual(parseWith('2/4'), { index: 2, count: 4 })
  assert.deepEqual(parseWith('1000/1000'), { index: 1000, count: 1000 })
  for (const text of ['', '0/4', '5/4', 'x', '1', '1/4/2', '-1/4', '1.5/4', '/4', 'auto/', 'auto', '1 /4']) refused(text, /^expected i\/n/)
  for (const text of ['1/0', 'auto/0', '1/1001']) refused(text, /^expected 1 to 1000 shards$/)
})

test('auto counts from 0 in a Job of Kubernetes, which comes first, and from 1 in GitLab CI', () => {
  assert.deepEqual(parseWith('auto/4', { JOB_COMPLETION_INDEX: '0', CI_NODE_INDEX: '3' }), { index: 1, count: 4 })
  assert.deepEqual(parseWith('auto/4', { JOB_COMPLETION_INDEX: '3' }), { index: 4, count: 4 })
  assert.deepEqual(parseWith('auto/4', { CI_NODE_INDEX: '4', CI_NODE_TOTAL: '4' }), { index: 4, count: 4 })
  assert.deepEqual(parseWith('auto/4', { JOB_COMPLETION_INDEX: '', CI_NODE_INDEX: '1' }), { index: 1, count: 4 })
})

test('auto is refused without an index, with an invalid one, and with another number of shards', () => {
  refused('auto/4', /JOB_COMPLETION_INDEX .* or CI_NODE_INDEX/)
  for (const index of ['4', '-1', 'x'])
    refused('auto/4', /^JOB_COMPLETION_INDEX is ".*", expected 0 to 3 for 4 shards$/, { JOB_COMPLETION_INDEX: index })
  for (const index of ['0', '5']) refused('auto/4', /^CI_NODE_INDEX is ".", expected 1 to 4 for 4 shards$/, { CI_NODE_INDEX: index })
  refused('auto/4', /^CI_NODE_TOTAL is "5"/, { CI_NODE_INDEX: '1', CI_NODE_TOTAL: '5' })
})
