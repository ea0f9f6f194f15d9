import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { lintRegistries, type LintOptions } from '../../../src/registries-yaml/lint/lint.ts'
import type { Finding } from '../../../src/registries-yaml/lint/rule.ts'
import { parseRegistries } from '../../../src/registries-yaml/read/parse-registries.ts'
import { createResolver } from '../../../src/registries-yaml/resolve/resolve-reference.ts'
import { parseVersion } from '../../../src/release/version.ts'

function fileOf(rewrite: Readonly<Record<string, string>>) {
  const content = { mirrors: { 'docker.io': { endpoint: ['https://registry.example.com'], rewrite } } }
  return parseRegistries(JSON.stringify(content), 'registries.yaml')
}

function lint(rewrite: Readonly<Record<string, string>>, options: LintOptions = {}): Promise<readonly Finding[]> {
  return lintRegistries(fileOf(rewrite), options)
}

async function rulesOf(rewrite: Readonly<Record<string, string>>, options: LintOptions = {}): Promise<readonly string[]> {
  return (await lint(rewrite, options)).map(({ rule, severity }) => `${severity} ${rule}`)
}

test('lint checks patterns as containerd reads them, after TOML', async () => {
  assert.deepEqual(await rulesOf({ '^mirrors\\\\.io/(.*)$': 'hub/$1' }), ['info rewrite-escapes'])
  assert.deepEqual(await rulesOf({ '^(\\\\w+)/\\\\1$': 'hub/$1' }), ['error rewrite-invalid', 'info rewrite-escapes'])
  assert.deepEqual(await rulesOf({ '^rancher\\u002f(.*)': 'k3s/$1' }), ['error rewrite-escapes'])
})

test('lint reports a back-reference with an invalid TOML escape twice', async () => {
  assert.deepEqual(await rulesOf({ '^([a-z]+)/\\1': 'hub/$1' }), ['error rewrite-invalid', 'error rewrite-escapes'])
})

test('lint reports a group that is written \\1 once, with the effect on the file', async () => {
  const [finding, ...others] = await lint({ '^rancher/(.*)': 'k3s/\\1' })
  assert.deepEqual(others, [])
  assert.match(
    finding?.message ?? '',
    /^in the replacement "k3s\/\\1", "\\1" is not a capture group .*: containerd ignores the whole mirror$/,
  )
  assert.equal(finding?.fix, 'write ${1}')
  assert.deepEqual(await rulesOf({ '^rancher/(.*)': 'k3s/\\\\1' }), ['error rewrite-group', 'info rewrite-escapes'])
})

test('a fix contains the replacement for an escape', async () => {
  const fixes: Readonly<Record<string, string>> = {
    '^a\\.b/': 'write [.] instead of \\.',
    '^a\\d/': 'write [0-9] instead of \\d',
    '^a\\/b/': 'write / instead of \\/',
    '^a\\p{Ll}/': 'write a character class instead of the escape',
    '^a"/': 'remove it, because no repository name contains it',
  }
  for (const [pattern, fix] of Object.entries(fixes)) {
    const found = (await lint({ [pattern]: 'b/' })).find(({ rule }) => rule === 'rewrite-escapes')
    assert.equal(found?.fix, fix, pattern)
  }
})

test('a backslash breaks the config.toml in versions without hosts.toml', async () => {
  const [finding] = await lint({ '^a[.]b\\.c/(.*)': 'k3s/$1' }, { version: parseVersion('v1.25.4+k3s1') })
  assert.match(finding?.message ?? '', /config\.toml .* containerd does not start$/)
})

test('for a version without rewrites, lint reports only that', async () => {
  assert.deepEqual(await rulesOf({ 'a\\.b': 'X/$7' }, { version: parseVersion('v1.20.4+k3s1') }), ['error feature-too-new'])
})

test('lint does not check escapes of rewrites that K3s does not write', async () => {
  const content = { mirrors: { 'docker.io': { rewrite: { '^a\\.b/': 'c/' } } } }
  const findings = await lintRegistries(parseRegistries(JSON.stringify(content), 'registries.yaml'))
  assert.deepEqual(
    findings.map(({ rule }) => rule),
    ['rewrite-without-endpoint'],
  )
})

test('a message contains an example of a rewritten name', async () => {
  const [loose] = await lint({ 'rancher/(.*)': 'k3s/$1' })
  assert.match(loose?.message ?? '', /"team\/rancher\/mirrored-pause" becomes "team\/k3s\/mirrored-pause"$/)
  const second = (await lint({ '^rancher/': 'k3s/', pause$: 'break' })).find(({ rule }) => rule === 'rewrite-ambiguous')
  assert.match(second?.message ?? '', /match "rancher\/mirrored-pause".*"k3s\/mirrored-pause".*"rancher\/mirrored-break"$/)
})

const word = fc.stringMatching(/^[a-z][a-z0-9]{1,6}$/)
const words = fc.uniqueArray(word, { minLength: 1, maxLength: 4 })

test('patterns that begin with different path segments have no findings', async () => {
  await fc.assert(
    fc.asyncProperty(words, async (names) => {
      const rewrite = Object.fromEntries(names.map((name) => [`^${name}/(.*)$`, `mirror/of-${name}/$1`]))
      assert.deepEqual(await rulesOf(rewrite), [])
    }),
    { numRuns: 50 },
  )
})

test('lint finds a name that a pattern and its prefix both match', async () => {
  await fc.assert(
    fc.asyncProperty(word, word, async (first, second) => {
      const found = await rulesOf({ [`^${first}/(.*)`]: 'one/$1', [`^${first}/${second}-(.*)`]: 'two/$1' })
      assert.deepEqual(found, ['error rewrite-ambiguous'])
    }),
    { numRuns: 50 },
  )
})

const part = fc.constantFrom(
  'rancher',
  'library',
  'nginx',
  'mirrored-',
  '/',
  '(.*)',
  '([^/]+)',
  '^',
  '$',
  '|',
  '[a-z]',
  '-',
  '.*',
  '?',
  'a',
)
const pattern = fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => parts.join(''))
const replacement = fc.array(fc.constantFrom('$1', '${1}', '$0', 'k3s', '/', '-', 'A', ''), { maxLength: 4 }).map((parts) => parts.join(''))

test('patterns without a finding are unambiguous for the images of K3s', async () => {
  const references = ['rancher/mirrored-pause', 'rancher/klipper-helm', 'library/nginx'].map((path) => ({
    registry: 'docker.io',
    path,
    tag: 'v1',
  }))
  await fc.assert(
    fc.asyncProperty(fc.dictionary(pattern, replacement, { minKeys: 2, maxKeys: 4 }), async (rewrite) => {
      const isTold = (await lint(rewrite)).some(({ rule }) => rule === 'rewrite-ambiguous')
      const resolver = createResolver(fileOf(rewrite).registries)
      const isAmbiguous = references.some((reference) => (resolver.resolve(reference).endpoints[0]?.rewrite.alternatives.length ?? 0) > 0)
      assert.ok(isTold || !isAmbiguous, JSON.stringify(rewrite))
    }),
    { numRuns: 150 },
  )
})

const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  pattern,
  replacement,
  fc.constantFrom(
    '"',
    '\\',
    '\\\\',
    '\u202e',
    '\u0007',
    '"\n"x" = "y',
    'a'.repeat(5000),
    '('.repeat(2000),
    '$',
    '${',
    '\\1',
    '[[:alpha:]',
    '\\Q',
    '__proto__',
  ),
)

test('rules end for any rewrites, with messages of one line', async () => {
  await fc.assert(
    fc.asyncProperty(fc.dictionary(hostile, hostile, { maxKeys: 4 }), async (rewrite) => {
      for (const { message, fix } of await lint(rewrite)) {
        assert.doesNotMatch(message + fix, /[\p{Cc}\p{Cf}\p{Cs}]/u)
        assert.ok(message.length < 1000 && fix.length < 1000)
      }
    }),
    { numRuns: 200 },
  )
})
