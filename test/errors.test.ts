import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { summariseError } from '../src/copy/events.ts'
import { cannot, errorCodes, MirrorError, onSide } from '../src/errors.ts'

const options = {
  hint: 'do that',
  side: 'destination',
  retryAfter: 5,
  missing: ['sha256:1'],
  subject: 'x',
  reason: 'because',
  origin: 'https://a',
  cause: new Error('why'),
} as const
const error = new MirrorError('DENIED', 'no', options)
const fieldsOf = ({ code, message, hint, side, retryAfter, missing, subject, reason, origin, cause }: MirrorError): object => {
  return { code, message, hint, side, retryAfter, missing, subject, reason, origin, cause }
}

test('a copy of an error keeps every field that it is not given', () => {
  assert.deepEqual(fieldsOf(error.with({})), { code: 'DENIED', message: 'no', ...options })
  assert.deepEqual(fieldsOf(error.with({ code: 'UNAVAILABLE', message: 'not yet', hint: undefined })), {
    ...options,
    code: 'UNAVAILABLE',
    message: 'not yet',
    hint: undefined,
  })
  const bare = new MirrorError('DENIED', 'no')
  assert.equal(bare.with({}).cause, bare)
})

test('an error says why without its subject', () => {
  const subject = 'docker.io/rancher/x:1'
  const { reason } = summariseError(new MirrorError('NOT_FOUND', `${subject} is not there`, { subject }))
  assert.equal(reason, 'it is not there')
  const tried = cannot('DENIED', ['read', subject], 'it was refused', { hint: 'log in' })
  assert.equal(tried.message, `cannot read ${subject}: it was refused`)
  assert.deepEqual([tried.subject, tried.reason, tried.hint], [subject, 'it was refused', 'log in'])
  assert.equal(new MirrorError('DENIED', 'no').reason, undefined)
})

test('the side of an error is the first that it is given', () => {
  assert.equal(onSide('source', error), error)
  const sided = onSide('source', new MirrorError('DENIED', 'no', { ...options, side: undefined }))
  assert.ok(sided instanceof MirrorError)
  assert.deepEqual(fieldsOf(sided), { ...options, code: 'DENIED', message: 'no', side: 'source' })
  assert.equal(onSide('source', options), options)
})

test('docs/errors.md explains every public code under its own heading', async () => {
  const page = await readFile(new URL('../docs/errors.md', import.meta.url), 'utf8')
  const sections = page.split(/^## /m).slice(1)
  for (const code of errorCodes) {
    const section = sections.find((one) => one.startsWith(`${code}\n`))
    assert.match(section ?? '', /\n\n[A-Z].+\. Exit code \d+\.\n/, code)
    assert.ok(page.includes(`[${code}](#${code.toLowerCase()})`), code)
  }
})
