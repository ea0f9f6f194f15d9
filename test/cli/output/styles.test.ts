import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isLive, stylesFor } from '../../../src/cli/output/styles.ts'
import type { Environment } from '../../../src/http/proxy.ts'

const terminal = { isTTY: true }
const pipe = {}

function hasColors(stream: { isTTY?: boolean }, env: Environment): boolean {
  return stylesFor(stream, env).bad('x') !== 'x'
}

describe('stylesFor', () => {
  const cases: readonly (readonly [string, { isTTY?: boolean }, Environment, boolean])[] = [
    ['a terminal', terminal, {}, true],
    ['a pipe', pipe, {}, false],
    ['NO_COLOR on a terminal', terminal, { NO_COLOR: '1' }, false],
    ['an empty NO_COLOR, which counts as unset', terminal, { NO_COLOR: '' }, true],
    ['FORCE_COLOR on a pipe', pipe, { FORCE_COLOR: '1' }, true],
    ['an empty FORCE_COLOR on a pipe, as in Node', pipe, { FORCE_COLOR: '' }, true],
    ['FORCE_COLOR=0 on a terminal', terminal, { FORCE_COLOR: '0' }, false],
    ['FORCE_COLOR=false on a terminal', terminal, { FORCE_COLOR: 'false' }, false],
    ['FORCE_COLOR against NO_COLOR', pipe, { FORCE_COLOR: '1', NO_COLOR: '1' }, true],
    ['a dumb terminal', terminal, { TERM: 'dumb' }, false],
  ]
  for (const [name, stream, env, expected] of cases) {
    it(`${expected ? 'colours' : 'does not colour'} ${name}`, () => assert.equal(hasColors(stream, env), expected))
  }

  it('closes what it opens', () => {
    assert.equal(stylesFor(terminal, {}).good('ok'), '\u001B[32mok\u001B[39m')
  })
})

describe('isLive', () => {
  const cases: readonly (readonly [string, { isTTY?: boolean }, Environment, boolean])[] = [
    ['a terminal', terminal, {}, true],
    ['a pipe', pipe, {}, false],
    ['a pipe with FORCE_COLOR', pipe, { FORCE_COLOR: '1' }, false],
    ['a terminal without colours', terminal, { NO_COLOR: '1' }, true],
    ['a dumb terminal', terminal, { TERM: 'dumb' }, false],
    ['a CI with a terminal', terminal, { CI: 'true' }, false],
    ['CI=false', terminal, { CI: 'false' }, true],
  ]
  for (const [name, stream, env, expected] of cases) {
    it(`${expected ? 'is' : 'is not'} ${name}`, () => assert.equal(isLive(stream, env), expected))
  }
})
