import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatError } from '../../../src/cli/output/error-text.ts'
import { stylesFor } from '../../../src/cli/output/styles.ts'
import { MirrorError } from '../../../src/errors.ts'
import { plain } from './collected.ts'

describe('formatError', () => {
  it('prints the failure, its code and the hint', () => {
    const error = new MirrorError('RELEASE_NOT_FOUND', 'there is no release v9.9.9+k3s1', { hint: 'Look at the list of releases.' })
    assert.equal(
      formatError(error, { styles: plain }),
      'error: there is no release v9.9.9+k3s1 (RELEASE_NOT_FOUND)\nhint: Look at the list of releases.\n',
    )
  })

  it('has no hint line without a hint, and no stack', () => {
    assert.equal(formatError(new MirrorError('TIMEOUT', 'too slow'), { styles: plain }), 'error: too slow (TIMEOUT)\n')
  })

  it('prints the stack and the causes with verbose', () => {
    const cause = new Error('connect ECONNREFUSED to http://user:hunter2@registry.test')
    const text = formatError(new MirrorError('UNREACHABLE', 'cannot connect', { cause }), { styles: plain, verbose: true })
    assert.match(text, /^ {2}.*error-text\.test\.ts/m)
    assert.match(text, /^ {2}caused by Error: connect ECONNREFUSED/m)
    assert.doesNotMatch(text, /hunter2/)
  })

  it('calls anything else INTERNAL and asks for a report', () => {
    const text = formatError(new TypeError('x is undefined'), { styles: plain })
    assert.match(text, /^error: x is undefined \(INTERNAL\)\nhint: .*--verbose/)
    assert.match(formatError('just text', { styles: plain }), /^error: just text \(INTERNAL\)/)
  })

  it('escapes text of a server, and hides userinfo', () => {
    const error = new MirrorError('DENIED', 'server says \u001B[31mno\nerror: fake', { hint: 'see https://a:hunter2@registry.test' })
    assert.equal(
      formatError(error, { styles: plain }),
      'error: server says \\u{1b}[31mno error: fake (DENIED)\nhint: see https://***@registry.test\n',
    )
  })

  it('colours only the labels', () => {
    const text = formatError(new MirrorError('TIMEOUT', 'too slow'), { styles: stylesFor({ isTTY: true }, {}) })
    assert.match(text, /error:\S* too slow \(TIMEOUT\)\n$/)
    assert.ok(text.startsWith('\u001B['))
  })
})
