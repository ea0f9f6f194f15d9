import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isRepositoryPath } from '../../../src/oci/reference.ts'
import { tryParseGoRegexp } from '../../../src/registries-yaml/go/go-regexp.ts'
import { readContext } from '../../../src/registries-yaml/lint/context.ts'
import { repositoryLanguage } from '../../../src/registries-yaml/lint/repository-language.ts'
import type { Discovery } from '../../../src/registries-yaml/lint/rule.ts'
import { parseRegistries } from '../../../src/registries-yaml/read/parse-registries.ts'
import { rewriteNeverMatches } from '../../../src/registries-yaml/rules/rewrite-never-matches.ts'

function judge(mirror: string, patterns: readonly string[]): readonly Discovery[] {
  const rewrite = Object.fromEntries(patterns.map((pattern) => [pattern, 'x/$0']))
  const parsed = parseRegistries(JSON.stringify({ mirrors: { [mirror]: { endpoint: ['https://registry.example.com'], rewrite } } }), 'x')
  const context = readContext({ parsed, flags: {}, version: undefined, files: undefined, mode: undefined, now: new Date() })
  return [...(rewriteNeverMatches.check?.(context) ?? [])].filter((found) => found !== undefined)
}

const name = fc
  .array(fc.stringMatching(/^[a-z0-9]{1,4}(?:(?:\.|_|__|-{1,3})[a-z0-9]{1,3}){0,2}$/), { minLength: 2, maxLength: 4 })
  .map((parts) => parts.join('/'))

/** Patterns that match a name, from its own parts and from general ones. */
function patternsFor(of: string, [from, to]: readonly [number, number]): readonly string[] {
  const quote = (text: string): string => text.replace(/[.]/g, '[.]')
  const [start, end] = [Math.min(from, to) % of.length, Math.max(from, to) % of.length]
  return [
    `^${quote(of)}$`,
    `^${quote(of.slice(0, end))}`,
    `${quote(of.slice(start))}$`,
    quote(of.slice(start, end + 1)),
    `^.{${of.length}}$`,
  ]
}

test('a pattern that matches a valid repository has no finding', () => {
  fc.assert(
    fc.property(name, fc.tuple(fc.nat(60), fc.nat(60)), fc.constantFrom('docker.io', 'quay.io', '*'), (of, range, mirror) => {
      assert.ok(isRepositoryPath(of))
      assert.deepEqual(judge(mirror, patternsFor(of, range)), [], of)
    }),
    { numRuns: 200 },
  )
})

const piece = fc.constantFrom('library', 'nginx', '/', ':', '@', '(.*)', '^', '$', 'A', '[a-z]', '[^/]+', '.', '-', '_', '|', '?')
const free = fc.array(piece, { minLength: 1, maxLength: 6 }).map((parts) => parts.join(''))

test('a pattern with a finding matches none of many repositories', () => {
  const names = ['library/nginx', 'rancher/mirrored-pause', 'a/b', 'a/b/c', 'a.b/c_d/e--f', 'nginx/nginx', 'library/library', '0/1']
  fc.assert(
    fc.property(free, (pattern) => {
      const regexp = tryParseGoRegexp(pattern)
      if (judge('docker.io', [pattern]).length > 0) for (const one of names) assert.equal(regexp?.matches(one), false, `${pattern} ${one}`)
    }),
    { numRuns: 500 },
  )
})

test('a fix is a pattern that can match', () => {
  const fixes: Readonly<Record<string, string>> = {
    '^nginx$': '^library/nginx$',
    '^docker.io/(.*)$': '^(.*)$',
    '^docker[.]io/rancher/(.*)$': '^rancher/(.*)$',
    '^(.*):latest$': '^(.*)$',
    '^docker.io/nginx:latest$': '^library/nginx$',
    '^/library/(.*)': '^library/(.*)',
    '^Rancher/(.*)': '^rancher/(.*)',
    '^https://docker.io/(.*)': '^(.*)',
  }
  for (const [pattern, meant] of Object.entries(fixes)) assert.equal(judge('docker.io', [pattern])[0]?.fix, `write "${meant}"`, pattern)
  assert.match(judge('docker.io', ['^calico/$'])[0]?.fix ?? '', /such as "library\/nginx"$/)
})

test('names that only other registries have are possible there', () => {
  assert.deepEqual(judge('*', ['^nginx$', '^docker.io/(.*)$']), [])
  assert.deepEqual(judge('harbor.example.com', ['^docker.io/(.*)$', '^nginx$', '^library/(.*)$']), [])
  assert.equal(judge('quay.io', ['^quay.io/(.*)$']).length, 1)
})

test('a repository language has exactly the valid repositories', () => {
  const language = repositoryLanguage({ hasNamespace: false })
  const has = (text: string): boolean => {
    let state: number | undefined = language.start
    for (const character of text) state = state === undefined ? undefined : language.next(state, character)
    return state !== undefined && language.isEnd(state)
  }
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', '0', '.', '_', '-', '/'), { minLength: 1, maxLength: 8 }), (characters) => {
      assert.equal(has(characters.join('')), isRepositoryPath(characters.join('')))
    }),
    { numRuns: 2000 },
  )
})
