import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseSyncConfig, type SyncConfig } from '../../../src/cli/sync/sync-config.ts'
import { isMirrorError, type MirrorError } from '../../../src/errors.ts'

const read = (text: string, environment: NodeJS.ProcessEnv = {}): SyncConfig => parseSyncConfig(text, '/etc/sync/sync.yaml', environment)

function refusal(text: string, environment: NodeJS.ProcessEnv = {}): MirrorError {
  try {
    read(text, environment)
  } catch (error) {
    assert.ok(isMirrorError(error), String(error))
    return error
  }
  throw new Error('the configuration was accepted')
}

const withEntry = (keys: string, more = ''): string => `schemaVersion: 1\n${more}sync:\n  - {name: a, to: reg.example.com, ${keys}}\n`

test('applies defaults, turns single strings into lists, and resolves paths next to the file', () => {
  const { interval, entries } = read(`schemaVersion: 1
interval: 1h30m
defaults:
  to: [reg.example.com/mirror, "oci:site"]
  registries: registries.yaml
  platforms: [linux/amd64]
sync:
  - name: k3s
    releases: stable
  - name: apps
    images: [lists/apps.txt, "https://example.com/list.txt", "oci:layout", /srv/own.txt]
    platforms: linux/arm64
    to: other.example.com
    from: {docker.io: "oci:cache", "*": https://cache.example.com}
`)
  assert.equal(interval, 5_400_000)
  const registries = '/etc/sync/registries.yaml'
  assert.deepEqual(entries, [
    { to: ['reg.example.com/mirror', 'oci:/etc/sync/site'], registries, platforms: ['linux/amd64'], name: 'k3s', releases: ['stable'] },
    {
      to: ['other.example.com'],
      registries,
      platforms: ['linux/arm64'],
      name: 'apps',
      images: ['/etc/sync/lists/apps.txt', 'https://example.com/list.txt', 'oci:/etc/sync/layout', '/srv/own.txt'],
      from: { 'docker.io': 'oci:/etc/sync/cache', '*': 'https://cache.example.com' },
    },
  ])
})

test('names every problem with its position, and a similar key', () => {
  const refused: readonly (readonly [text: string, message: RegExp, hint?: RegExp])[] = [
    ['', /^\/etc\/sync\/sync\.yaml:1:1: the file is empty$/],
    ['schemaVersion: 1\nsync: []', /:2:7: sync is empty/],
    ['schemaVersion: 1', /:1:1: the key sync is missing/],
    ['sync: [{name: a, references: x, to: y}]', /the key schemaVersion is missing/, /write schemaVersion: 1/],
    ['schemaVersion: 2\nsync: [{name: a, references: x, to: y}]', /:1:16: unsupported schemaVersion: expected 1/],
    [withEntry('release: stable'), /:3:36: unknown key "release"$/, /Did you mean releases\?/],
    [withEntry('releases: stable, if-changed: fail'), /unknown key "if-changed"/, /Did you mean ifChanged\?/],
    [withEntry('releases: stable, zebra: 1'), /unknown key "zebra"/, /use one of name, releases, /],
    [withEntry('sparse: true'), /:3:5: the entry selects no images/, /releases, images or references/],
    [withEntry('releases: [stable, 1.5]'), /:3:55: releases must be a string/],
    [withEntry('releases: stable, jobs: "5"'), /jobs must be a whole number/],
    [withEntry('releases: stable, jobs: 0'), /jobs must be at least 1/],
    [withEntry('releases: stable, sparse: yes'), /sparse must be true or false/],
    [withEntry('releases: stable, ifChanged: never'), /ifChanged must be one of replace, fail, skip/],
    [withEntry('releases: [stable, stable]'), /releases has the same value twice/],
    [withEntry('releases: []'), /releases is empty/],
    [withEntry('releases:'), /releases must be a string or a list of strings/],
    [withEntry('images: "-"'), /images cannot be "-"/],
    [withEntry('releases: stable, releases: latest'), /:3:54: the key is given twice/],
    [withEntry('releases: v1/2'), /releases: "v1\/2" is not a K3s release/],
    [withEntry('references: "nginx:::"'), /references: invalid image reference/],
    [withEntry('references: nginx, rewrite: "(=x"'), /rewrite: "\(" is not a valid Go regular expression/],
    [withEntry('references: nginx, include: "[a"'), /include: "\[a" is not a glob/],
    [withEntry('references: nginx, platforms: amd64'), /platforms: "amd64" is not a platform/],
    [withEntry('references: nginx, tokenHosts: "http://x"'), /tokenHosts: expected host or host:port/],
    [withEntry('references: nginx, dockerHost: "unix:///x"'), /dockerHost: it requires via: docker/],
    ['schemaVersion: 1\nsync: [{name: a, references: x}]', /the entry a has no destination/],
    ['schemaVersion: 1\nsync: [{name: a, references: x, to: [reg.example.com, "https://REG.example.com/"]}]', /names a destination twice/],
    ['schemaVersion: 1\nsync: [{name: a, references: x, to: y}, {name: a, references: x, to: z}]', /two entries have the name a/],
    ['schemaVersion: 1\nsync: [{name: a, references: x, to: "oci:"}]', /to: "oci:": the directory is missing/],
    [withEntry('references: x', 'interval: 5\n'), /interval must be a string/],
    [withEntry('references: x', 'interval: 0s\n'), /invalid interval: expected at least 1s/],
    [withEntry('references: x', 'interval: 25d\n'), /invalid interval: expected at most 24d/],
    [withEntry('references: x', 'interval: soon\n'), /invalid interval: expected a duration/],
    [`${withEntry('references: x')}---\na: 1\n`, /a second document/],
    ['a: &a [*a]', /nested too deeply/],
    ['a: *b', /alias/],
    ['a: "b', /invalid YAML/],
    [`a: ${'['.repeat(100_000)}`, /nested too deeply/],
    [
      `a: &a [1,1,1,1,1,1,1,1]\n${'bcdefg'
        .split('')
        .map((key, at) => `${key}: &${key} [${Array(8).fill(`*${'abcdef'[at]}`).join(',')}]`)
        .join('\n')}`,
      /more than 20000 values/,
    ],
  ]
  for (const [text, message, hint = /./] of refused) {
    const error = refusal(text)
    assert.equal(error.code, 'INVALID_CONFIG')
    assert.match(error.message, message, text)
    assert.match(error.hint ?? '', hint, text)
  }
})

test('refuses credentials, and never repeats them', () => {
  const secret = 'sesame-4711'
  const texts = [
    `schemaVersion: 1\nsync: [{name: a, references: x, to: "https://ann:${secret}@reg.example.com"}]`,
    `schemaVersion: 1\nsync: [{name: a, references: x, to: "ann:${secret}@reg.example.com"}]`,
    withEntry(`references: x, from: {docker.io: "https://ann:${secret}@reg.example.com"}`),
    withEntry(`images: "https://example.com/list.txt?X-Amz-Signature=${secret}"`),
    withEntry(`references: x, password: ${secret}`),
    withEntry(`references: x, auth: {username: ann, password: ${secret}}`),
    withEntry(`references: x, \${MY_TOKEN}: ${secret}`),
  ]
  for (const text of texts) {
    const { message, hint = '' } = refusal(text)
    assert.ok(!`${message}${hint}`.includes(secret), message)
  }
  for (const text of texts.slice(0, 6)) assert.match(refusal(text).hint ?? '', /docker login/)
  const withToken = withEntry('references: "${REGISTRY_TOKEN}"')
  assert.match(refusal(withToken, { REGISTRY_TOKEN: secret }).message, /:3:48: the variable REGISTRY_TOKEN looks like a secret/)
  const smuggled = withEntry('references: x, from: {docker.io: "${CACHE}"}')
  assert.match(refusal(smuggled, { CACHE: `https://ann:${secret}@cache.example.com` }).message, /must not hold credentials/)
})

test('replaces variables in values, after the YAML is read', () => {
  const environment = { TAG: 'v1.37.1+k3s1', JOBS: '8', TRICK: 'x", to: [evil.example.com], y: "', SELF: '${TAG}' }
  const { entries } = read(
    [
      'schemaVersion: 1',
      'sync:',
      '  - name: a # ${UNSET} in a comment',
      '    to: reg.example.com',
      '    releases: ${TAG}',
      '    jobs: ${JOBS}',
      '    rewrite: ["^rancher/(.*)=${TEAM:-k3s}/${1}/$1"]',
      '    exclude: ["$${TAG}", "${SELF}-x"]',
    ].join('\n'),
    environment,
  )
  assert.deepEqual(entries[0]?.releases, ['v1.37.1+k3s1'])
  assert.equal(entries[0]?.jobs, 8)
  assert.deepEqual(entries[0]?.rewrite, ['^rancher/(.*)=k3s/${1}/$1'])
  assert.deepEqual(entries[0]?.exclude, ['${TAG}', '${TAG}-x'])
  assert.match(refusal(withEntry('references: "${TRICK}"'), environment).message, /references: invalid image reference/)
  assert.match(refusal(withEntry('references: "${NOPE}"')).message, /:3:48: the environment variable NOPE is not set$/)
  assert.match(refusal(withEntry('references: "${NOPE"')).message, /invalid reference to a variable/)
  assert.match(refusal(withEntry('references: x, jobs: "${JOBS}"'), environment).message, /jobs must be a whole number/)
})

test('reads or refuses any text, always with a position', () => {
  const part = fc.constantFrom(
    'schemaVersion: 1\n',
    'sync:\n',
    '  - name: a\n',
    '    to: x\n',
    '    releases: [',
    'stable',
    ']',
    '&a ',
    '*a',
    '${A',
    '}',
    '"',
    '{',
    '\t',
    '- ',
    ': ',
    '!!set ',
    '?',
    '|\n',
    '\u0000',
    '__proto__: {}\n',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(part, { maxLength: 20 }).map((parts) => parts.join('')),
        fc.string(),
      ),
      (text) => {
        try {
          read(text, { A: 'b' })
        } catch (error) {
          assert.ok(isMirrorError(error), String(error))
          assert.match(error.message, /^\/etc\/sync\/sync\.yaml:\d+:\d+: /)
        }
      },
    ),
    { numRuns: 300 },
  )
})
