import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { findMisnamedTests } from './architecture/find-misnamed-tests.ts'
import { findViolations, type FileSet, type House } from './architecture/find-violations.ts'

const house: House = {
  places: {
    text: [],
    'errors.ts': ['text'],
    'version.ts': [],
    async: ['errors.ts'],
    http: ['errors.ts', 'text', 'async'],
    oci: ['errors.ts', 'type:async/content.ts'],
    yaml: [],
    kubernetes: ['errors.ts', 'oci', 'yaml'],
    release: ['errors.ts', 'text', 'async', 'http', 'oci', 'kubernetes'],
    plan: ['errors.ts', 'async', 'oci'],
    copy: ['errors.ts', 'async', 'oci', 'plan'],
    'fan-out': ['errors.ts', 'async', 'oci', 'copy'],
    verify: ['errors.ts', 'async', 'oci', 'plan', 'copy', 'type:registries-yaml/resolve/describe-endpoint.ts'],
    prune: ['errors.ts', 'async', 'oci'],
    report: [
      'errors.ts',
      'version.ts',
      'oci',
      'plan',
      'copy',
      'verify',
      'type:lock',
      'type:prune',
      'type:registries-yaml/lint/lint-report.ts',
      'type:node',
      'type:registries-yaml/hosts/k3s-flags.ts',
      'type:registries-yaml/resolve/describe-endpoint.ts',
    ],
    registry: ['errors.ts', 'text', 'async', 'http', 'oci'],
    layout: ['errors.ts', 'async', 'oci'],
    lock: ['errors.ts', 'oci', 'registries-yaml/read/yaml-document.ts', 'type:release/image-list.ts'],
    bundle: ['errors.ts', 'text/shell-quoted.ts', 'async', 'oci', 'plan', 'layout', 'lock'],
    kit: ['errors.ts', 'text', 'async', 'http', 'oci', 'release', 'copy', 'layout', 'bundle', 'registry/ranged-download.ts'],
    'registry-server': [
      'errors.ts',
      'version.ts',
      'async',
      'oci',
      'layout',
      'kit/architectures.ts',
      'kit/package-command.ts',
      'kit/releases.ts',
      'type:bundle/bundle-record.ts',
    ],
    'registries-yaml': [
      'errors.ts',
      'text',
      'async',
      'oci',
      'yaml',
      'type:http/tls.ts',
      'type:release/version.ts',
      'release/system-images.ts',
    ],
    node: [
      'errors.ts',
      'text',
      'async',
      'oci',
      'yaml',
      'registries-yaml',
      'release/version.ts',
      'release/system-images.ts',
      // The proxies of containerd, and the names in archives of the images directory.
      'http/proxy.ts',
      'bundle/archive-image-names.ts',
    ],
    engine: ['errors.ts', 'text', 'async', 'oci', 'plan', 'copy', 'type:registry/auth/credentials.ts'],
    connect: [
      'errors.ts',
      'version.ts',
      'async',
      'http',
      'oci',
      'registry',
      'layout',
      'registries-yaml',
      'engine',
      'type:node/node-settings.ts',
      'type:release/version.ts',
      'type:prune',
    ],
    runs: [
      'errors.ts',
      'text',
      'async',
      'oci',
      'release',
      'plan',
      'copy',
      'fan-out',
      'verify',
      'prune',
      'report',
      'lock',
      'bundle',
      'kit',
      'engine',
      'connect',
      'node',
      'registries-yaml/hosts/k3s-flags.ts',
      'registries-yaml/rename-rule.ts',
    ],
    api: ['oci', 'release', 'layout', 'bundle', 'kit', 'registry-server', 'registries-yaml', 'node', 'type:async'],
    'index.ts': [
      'errors.ts',
      'version.ts',
      'oci',
      'bundle',
      'kit',
      'report',
      'runs',
      'type:async',
      'type:release',
      'type:plan',
      'type:copy',
      'type:verify',
      'type:prune',
      'type:registry',
      'type:layout',
      'type:lock',
      'type:connect',
      'type:node',
      'type:registries-yaml',
      'type:node',
    ],
    cli: [
      'errors.ts',
      'version.ts',
      'text',
      'http',
      'oci',
      'release',
      'plan',
      'registry',
      'layout',
      'lock',
      'yaml',
      'bundle',
      'kit',
      'registry-server',
      'registries-yaml',
      'node',
      'verify',
      'connect',
      'runs',
      'report',
      // summariseError, for entries of sync that cannot begin
      'copy/events.ts',
    ],
  },
  packages: {
    ajv: ['cli/sync/config-schema.ts'],
    bcryptjs: ['registry-server/bcrypt-worker.ts'],
    'cli-progress': ['cli/output'],
    commander: ['cli'],
    debug: ['engine/docker-client.ts'],
    dockerode: ['engine/docker-client.ts'],
    'fast-xml-builder': ['cli/output'],
    'string-width': ['cli/output'],
    'markdown-table': ['cli/output'],
    'p-limit': [
      'async',
      'bundle/complete-from-base.ts',
      'copy',
      'layout/garbage-collection.ts',
      'layout/stored-bytes.ts',
      'prune',
      'registry-server',
      'release',
      'runs',
    ],
    'pretty-bytes': ['cli/output', 'registry-server/page.ts', 'registry-server/text-page.ts'],
    'pretty-ms': ['cli/output'],
    re2js: ['registries-yaml/go', 'release/image-filter.ts'],
    'smol-toml': [
      'node/check/registry-section.ts',
      'registries-yaml/lint/toml-text.ts',
      'registries-yaml/render/unreadable-toml.ts',
      'registries-yaml/resolve/read-hosts-toml.ts',
    ],
    tar: ['bundle/scan-tar.ts', 'bundle/tar-map.ts'],
    '@bokuweb/zstd-wasm': ['bundle/compression.ts'],
    tldts: ['registry/auth'],
    diff: ['cli/output'],
    yaml: [
      'yaml',
      'cli/sync/config-document.ts',
      'kubernetes',
      'lock',
      'registries-yaml/fix',
      'registries-yaml/generate/format-registries.ts',
      'registries-yaml/read',
    ],
    zstddec: ['bundle/compression.ts'],
  },
  ioBuiltins: {
    'node:child_process': ['engine/ssh-agent.ts', 'registry/auth'],
    'node:cluster': [],
    'node:dgram': [],
    'node:dns': ['http'],
    'node:fs': [
      'bundle',
      'cli',
      'engine',
      'http/tls.ts',
      'kit',
      'layout',
      'lock/read-lock-file.ts',
      'node',
      'registries-yaml/lint/inspect-files.ts',
      'registries-yaml/read/bounded-file.ts',
      'registry/auth',
      'release',
    ],
    'node:http': ['cli/sync/status-server.ts', 'engine', 'registry-server'],
    'node:http2': [],
    'node:https': ['engine', 'registry-server'],
    'node:inspector': [],
    'node:module': ['cli/sync/config-schema.ts', 'version.ts'],
    'node:net': ['cli/main.ts', 'engine', 'http', 'node', 'registries-yaml', 'registry-server'],
    'node:process': ['cli'],
    'node:readline': ['cli'],
    'node:repl': [],
    'node:tls': ['http', 'registry-server'],
    'node:tty': ['cli'],
    'node:vm': [],
    'node:worker_threads': ['registry-server/bcrypt-worker.ts', 'registry-server/bcrypt-thread.ts', 'registry-server/authenticator.ts'],
  },
  onlyBuiltins: {
    oci: { 'node:crypto': 'all', 'node:net': ['isIP', 'isIPv4', 'isIPv6'] },
  },
  globals: { process: ['cli'], console: ['cli'], fetch: [], WebSocket: [], require: [] },
  forbiddenWords: ['util', 'utils', 'helper', 'helpers', 'common', 'core', 'types', 'misc', 'shared', 'manager', 'service', 'handler'],
  // what Docker calls the programs that keep passwords
  fieldTerms: ['credential-helper'],
  maxLines: 300,
  // what they export loads what it bears the name of
  facades: ['index.ts', 'api/server.ts'],
}

function filesOf(folder: string): FileSet {
  const root = fileURLToPath(new URL(`../${folder}`, import.meta.url))
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map((name) => name.replaceAll('\\', '/'))
    .filter((name) => name.endsWith('.ts'))
    .toSorted()
  return new Map(names.map((name) => [`${folder}/${name}`, readFileSync(`${root}/${name}`, 'utf8')]))
}

test('src keeps the shape of the house', () => {
  assert.deepEqual(findViolations(filesOf('src'), house), [])
})

test('the table itself has no circle', () => {
  const visit = (place: string, trail: readonly string[]): void => {
    assert.ok(!trail.includes(place), `circle: ${[...trail, place].join(' -> ')}`)
    const allowed = house.places[place] ?? []
    for (const next of allowed.filter((name) => !name.startsWith('type:'))) visit(next, [...trail, place])
  }
  for (const place of Object.keys(house.places)) visit(place, [])
})

test('every package of the table is a dependency, or part of the bundled command line only; every dependency stands in it', () => {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    dependencies: object
    devDependencies: object
  }
  const isOfCliOnly = (folders: readonly string[]): boolean => folders.every((folder) => folder.split('/')[0] === 'cli')
  const [bundled, installed] = [true, false].map((ofCli) =>
    Object.keys(house.packages).filter((name) => isOfCliOnly(house.packages[name] ?? []) === ofCli),
  )
  assert.deepEqual(installed?.toSorted(), Object.keys(dependencies).toSorted())
  for (const name of bundled ?? []) assert.ok(Object.hasOwn(devDependencies, name), name)
})

/** A house in order that holds one file for every place of the table. */
const inOrder: Readonly<Record<string, string>> = Object.fromEntries(
  Object.keys(house.places).map((place, index) => [
    `src/${place.endsWith('.ts') ? place : `${place}/content.ts`}`,
    `export const x${index}: number = 1\n`,
  ]),
)
const violationsWith = (planted: Readonly<Record<string, string>>): readonly string[] =>
  findViolations(new Map(Object.entries({ ...inOrder, ...planted })), house)

test('a house in order has no violation', () => {
  const planted = {
    'src/copy/copy-blob.ts': `import { x } from '../plan/content.ts'\nexport const y: number = x`,
    'src/http/open-socket.ts': `import { connect } from 'node:net'\nexport const open: unknown = connect`,
    'src/oci/host.ts': `import { isIP } from 'node:net'\nimport { createHash } from 'node:crypto'\nimport type { x } from '../async/content.ts'\nexport const found: unknown = [isIP, createHash]\nexport type Z = typeof x`,
    'src/oci/words.ts': `export const z = (a: { process: number }): number => a.process\nexport const words: unknown = { console: 1 }`,
    'src/registry/auth/credential-helper.ts': '',
    'src/index.ts': `import type { x4 } from './oci/content.ts'\nexport type { x4 }\nexport function y(): number {\n  return 1\n}`,
    'src/cli/main.ts': `import { Command } from 'commander'\nconsole.log(process.argv, Command)`,
  }
  assert.deepEqual(violationsWith(planted), [])
})

const plants: readonly (readonly [what: string, path: string, text: string, violation: RegExp])[] = [
  ['another file than the one that is allowed', 'src/runs/a.ts', `import { x } from '../layout/content.ts'`, /may not import src\/layout/],
  [
    'an earlier stage imports a later one',
    'src/plan/a.ts',
    `import { x } from '../copy/content.ts'`,
    /may not import src\/copy\/content\.ts/,
  ],
  ['a type counts too', 'src/plan/a.ts', `import type { x } from '../copy/content.ts'`, /may not import src\/copy/],
  ['an import type in place counts too', 'src/plan/a.ts', `export type A = import('../copy/content.ts').A`, /may not import src\/copy/],
  ['a re-export counts too', 'src/plan/a.ts', `export { x } from '../copy/content.ts'`, /may not import src\/copy/],
  ['a dynamic import counts too', 'src/plan/a.ts', `await import('../copy/content.ts')`, /may not import src\/copy/],
  ['a computed import', 'src/plan/a.ts', `await import('../' + 'x')`, /computed/],
  ['one place imports another', 'src/registry/a.ts', `import { x } from '../layout/content.ts'`, /may not import src\/layout/],
  ['a value where only a type is allowed', 'src/oci/a.ts', `import { x } from '../async/content.ts'`, /may not import src\/async/],
  ['anything imports cli', 'src/runs/mirror.ts', `import { x } from '../cli/content.ts'`, /may not import src\/cli/],
  [
    'a value of a place of which only types may be imported',
    'src/index.ts',
    `export { x } from './plan/content.ts'`,
    /may not import src\/plan/,
  ],
  ['a file that is not there', 'src/plan/a.ts', `import { x } from './b.ts'`, /not a file of src/],
  ['a file outside src', 'src/plan/a.ts', `import { x } from '../../test/a.ts'`, /not a file of src/],
  ['a package in a foreign folder', 'src/registry/a.ts', `import { parse } from 'tldts'`, /package tldts/],
  ['a package in the wrong folder of the right place', 'src/cli/a.ts', `import bar from 'cli-progress'`, /package cli-progress/],
  ['an unknown package', 'src/http/a.ts', `import x from '@scope/name/path'`, /package @scope\/name$/],
  ['files in oci', 'src/oci/a.ts', `import { readFile } from 'node:fs/promises'`, /may not import node:fs\/promises/],
  ['sockets in oci', 'src/oci/a.ts', `import { isIP, connect } from 'node:net'`, /may not import node:net isIP connect/],
  ['all of a module in oci', 'src/oci/a.ts', `import * as net from 'node:net'`, /may not import node:net/],
  ['sockets outside http', 'src/registry/a.ts', `import { connect } from 'node:tls'`, /may not import node:tls/],
  ['files in the plan', 'src/plan/a.ts', `import { readFile } from 'node:fs/promises'`, /may not import node:fs\/promises/],
  ['a builtin without its scheme', 'src/layout/a.ts', `import { readFile } from 'fs'`, /without node:/],
  ['the process outside cli', 'src/http/a.ts', `export const y = process.env['HOME']`, /uses process/],
  ['the process through globalThis', 'src/http/a.ts', `export const y = globalThis.process`, /uses process/],
  ['the console outside cli', 'src/copy/a.ts', `const x = () => { console.log(1) }`, /uses console/],
  ['a shorthand property', 'src/copy/a.ts', `export const y = { process }`, /uses process/],
  ['fetch', 'src/release/a.ts', `await fetch('http://localhost')`, /uses fetch/],
  ['a default export', 'src/plan/a.ts', `export default 1`, /default export/],
  ['a default export by name', 'src/plan/a.ts', `const x = 1\nexport { x as default }`, /default export/],
  ['an export of everything', 'src/plan/a.ts', `export * from './content.ts'`, /exports everything/],
  ['a name of two things', 'src/plan/a.ts', `export type x0 = number`, /src\/plan\/a\.ts: exports x0, as src\/text\/content\.ts does/],
  ['a forbidden file', 'src/plan/utils.ts', '', /holds the word utils/],
  ['a forbidden folder', 'src/cli/common/a.ts', '', /holds the word common/],
  ['a forbidden part of a name', 'src/http/request-handler.ts', '', /holds the word handler/],
  ['a term of the field in a longer name', 'src/http/credential-helpers.ts', '', /holds the word helpers/],
  ['a name in another case', 'src/http/httpClient.ts', '', /not kebab-case/],
  ['a new folder', 'src/shelf/a.ts', '', /src\/shelf has no place/],
  ['a long file', 'src/plan/a.ts', '\n'.repeat(301), /301 lines/],
]

for (const [what, path, text, violation] of plants) {
  test(`caught: ${what}`, () => {
    const violations = violationsWith({ [path]: text })
    assert.equal(violations.length, 1, violations.join('\n'))
    assert.match(violations[0] ?? '', violation)
  })
}

test('reports an import cycle once', () => {
  const violations = violationsWith({
    'src/plan/a.ts': `import { b } from './b.ts'`,
    'src/plan/b.ts': `import type { c } from './c.ts'`,
    'src/plan/c.ts': `export { a } from './a.ts'`,
  })
  assert.deepEqual(violations, ['import cycle: src/plan/a.ts -> src/plan/b.ts -> src/plan/c.ts -> src/plan/a.ts'])
})

test('caught: a place of the table that src has lost', () => {
  const { 'src/copy/content.ts': _, ...rest } = inOrder
  assert.deepEqual(findViolations(new Map(Object.entries(rest)), house), ['src/copy stands in the table and not in src'])
})

test('every test bears the name of what it tests', () => {
  assert.deepEqual(findMisnamedTests(filesOf('test'), new Map([...filesOf('src'), ...filesOf('scripts')])), [])
})

test('caught: a test that bears the name of nothing', () => {
  const tests = {
    'test/readme.test.ts': '',
    'test/contract/image-places.test.ts': '',
    'test/plan/content.test.ts': '',
    'test/plan/content.large.test.ts': '',
    'test/image/layer.test.ts': '',
    'test/plan/other.test.ts': '',
    'test/plan/content.a.b.test.ts': '',
    'test/servers/run-cli.ts': '',
    'test/servers/run-cli.test.ts': '',
    'test/servers/gone.test.ts': '',
    'test/cli/content.test.ts': '',
    'test/cli/runs.ts': `import '../servers/run-cli.ts'`,
    'test/cli/platforms.test.ts': `import { run } from './runs.ts'\nrun()`,
    'test/cli/strings.test.ts': `import 'node:test'`,
  }
  assert.deepEqual(
    findMisnamedTests(new Map(Object.entries(tests)), new Map(Object.entries({ ...inOrder, 'scripts/image/layer.ts': '' }))).map(
      (sentence) => sentence.split(':')[0],
    ),
    ['test/plan/other.test.ts', 'test/plan/content.a.b.test.ts', 'test/servers/gone.test.ts', 'test/cli/strings.test.ts'],
  )
})

const architecture = readFileSync(new URL('../ARCHITECTURE.md', import.meta.url), 'utf8')
const namedFiles = (text: string): readonly string[] => [
  ...new Set([...text.matchAll(/`([a-z-]+(?:\/[a-z-]+)*\.ts)`/g)].flatMap(([, path]) => path ?? [])),
]

test('ARCHITECTURE.md and docs/internals name only files that exist', () => {
  const files = ['src', 'test', 'scripts'].flatMap((folder) => [...filesOf(folder).keys()])
  const internals = new URL('../docs/internals/', import.meta.url)
  const pages = [architecture, ...readdirSync(internals).map((page) => readFileSync(new URL(page, internals), 'utf8'))]
  assert.deepEqual(
    pages.flatMap(namedFiles).filter((name) => !files.some((path) => `/${path}`.endsWith(`/${name}`))),
    [],
  )
})

test('a reference enters as many files on its way to the last PUT as ARCHITECTURE.md says, and at most 24', () => {
  const [, count = '', walk = ''] = /The reference then enters (\d+) files:\n\n([^]*?)\n\nAfterwards/.exec(architecture) ?? []
  assert.equal(namedFiles(walk).length, Number(count))
  assert.ok(Number(count) <= 24)
})
