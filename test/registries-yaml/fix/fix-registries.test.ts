import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseAllDocuments } from 'yaml'
import type { Edit } from '../../../src/registries-yaml/fix/edit.ts'
import { findCertainFixes, fixRegistries, lintAndFix } from '../../../src/registries-yaml/fix/fix-registries.ts'
import { lintRegistries } from '../../../src/registries-yaml/lint/lint.ts'
import { parseRegistries } from '../../../src/registries-yaml/read/parse-registries.ts'
import { processorTime } from '../../servers/processor-time.ts'
import { faultyFile } from './faulty-file.ts'

const lint = (text: string) => lintRegistries(parseRegistries(text, 'registries.yaml'), { files: false })
const fix = async (text: string): Promise<string> => (await lintAndFix(text, 'registries.yaml', { files: false })).text

const cases: Readonly<Record<string, readonly [before: string, after: string]>> = {
  'a scheme in a key': [
    'mirrors:\n  "https://quay.io": # here\n    endpoint: ["https://r.example.com"]\n',
    'mirrors:\n  "quay.io": # here\n    endpoint: ["https://r.example.com"]\n',
  ],
  'the key of Docker Hub in its login files': [
    'configs:\n  https://index.docker.io/v1/: {auth: {username: a, password: b}}\n',
    'configs:\n  registry-1.docker.io: {auth: {username: a, password: b}}\n',
  ],
  'a mirror of index.docker.io': ["mirrors:\n  'index.docker.io':\n", "mirrors:\n  'docker.io':\n"],
  'the path of a key of configs': ['configs: {r.example.com/v2: {tls: {}}}\n', 'configs: {r.example.com: {tls: {}}}\n'],
  'upper case in a key': ['mirrors:\n  Docker.IO: {}\n', 'mirrors:\n  docker.io: {}\n'],
  'a single endpoint': [
    'mirrors:\n  quay.io:\n    endpoint:  https://r.example.com # one\n',
    'mirrors:\n  quay.io:\n    endpoint:\n      - https://r.example.com # one\n',
  ],
  'a single endpoint on the next line': [
    'mirrors:\n  quay.io:\n    endpoint:\n      "https://r.example.com"\n',
    'mirrors:\n  quay.io:\n    endpoint:\n      - "https://r.example.com"\n',
  ],
  'a single endpoint in braces': [
    'mirrors: {quay.io: {endpoint: "https://r.example.com"}}\n',
    'mirrors: {quay.io: {endpoint: ["https://r.example.com"]}}\n',
  ],
  'a quoted boolean': [
    'configs:\r\n  r.example.com:\r\n    tls: {insecure_skip_verify: "true"} # test\r\n',
    'configs:\r\n  r.example.com:\r\n    tls: {insecure_skip_verify: true} # test\r\n',
  ],
  'a misspelled key': [
    '\uFEFFmirror:\n  quay.io:\n    endpoints: ["https://r.example.com"]\n',
    '\uFEFFmirrors:\n  quay.io:\n    endpoint: ["https://r.example.com"]\n',
  ],
  'a key without the port of its endpoint': [
    'mirrors: {quay.io: {endpoint: ["https://r.example.com:5000"]}}\nconfigs:\n  r.example.com: {auth: {username: a, password: b}}\n',
    'mirrors: {quay.io: {endpoint: ["https://r.example.com:5000"]}}\nconfigs:\n  r.example.com:5000: {auth: {username: a, password: b}}\n',
  ],
  'a repeated entry': [
    'mirrors:\n  quay.io:\n    endpoint:\n      - https://r.example.com\n  # kept\n  quay.io:\n    endpoint:\n      - https://r.example.com\n# end\n',
    'mirrors:\n  quay.io:\n    endpoint:\n      - https://r.example.com\n  # kept\n# end\n',
  ],
  'a second document after the first': [
    'mirrors:\n  "https://quay.io": {}\n---\nmirrors:\n  "https://quay.io": {}\n',
    'mirrors:\n  "quay.io": {}\n---\nmirrors:\n  "https://quay.io": {}\n',
  ],
  'a value below brackets that another parser rejects': [
    'mirrors:\n  quay.io:\n    rewrite: {\n"^a$": b}\n    endpoint: https://r.example.com\n',
    'mirrors:\n  quay.io:\n    rewrite: {\n"^a$": b}\n    endpoint:\n      - https://r.example.com\n',
  ],
}
for (const [name, [before, after]] of Object.entries(cases)) {
  test(`fixes ${name}, and changes nothing else`, async () => {
    assert.equal(await fix(before), after)
  })
}

const uncertain: Readonly<Record<string, string>> = {
  'a mirror for a part of a registry': 'mirrors:\n  docker.io/library: {endpoint: ["https://r.example.com"]}\n',
  'a corrected key that exists already': 'mirrors:\n  docker.io:\n    endpoint: ["https://r.example.com"]\n  https://docker.io: {}\n',
  'two keys that mean the same registry': 'configs:\n  https://r.example.com: {tls: {}}\n  r.example.com/: {tls: {}}\n',
  'two keys of Docker Hub': 'configs:\n  docker.io: {tls: {}}\n  https://index.docker.io/v1/: {tls: {}}\n',
  'a key with a user': 'configs:\n  "https://user:hunter2@r.example.com": {tls: {}}\n',
  'a misspelled key next to the right one':
    'mirrors:\n  docker.io:\n    endpoint: ["https://r.example.com"]\n    endpoints: ["https://s.example.com"]\n',
  'a misspelled key that a merge overrides':
    'x-a: &a {endpoint: ["https://r.example.com"]}\nmirrors:\n  docker.io:\n    <<: *a\n    endpoints: ["https://s.example.com"]\n',
  'a misspelled key with a value that K3s rejects': 'mirrors:\n  docker.io:\n    endpoints: "https://r.example.com"\n',
  'a repeated entry with another value':
    'mirrors:\n  quay.io: {endpoint: ["https://r.example.com"]}\n  quay.io: {endpoint: ["https://s.example.com"]}\n',
  'a repeated entry with a comment':
    'mirrors:\n  quay.io: {endpoint: ["https://r.example.com"]}\n  quay.io: {endpoint: ["https://r.example.com"]} # why\n',
  'a misspelled key below a repeated one':
    'mirrors:\n  quay.io: {endpoints: ["https://r.example.com"]}\n  quay.io: {endpoint: ["https://s.example.com"]}\n',
  'a repeated entry in braces': 'mirrors: {quay.io: , quay.io: }\n',
  'a name that an alias shares': 'mirrors: &all\n  "https://r.example.com": {}\nconfigs: *all\n',
  'a key that is an alias': 'x-name: &name https://r.example.com\nmirrors:\n  *name : {}\n',
  'a misspelled key that would turn off the verification of certificates': 'configs:\n  r.example.com: {tls: {insecureSkipVerify: true}}\n',
  'a value that may be several endpoints': 'mirrors: {quay.io: {endpoint: "https://r.example.com, https://s.example.com"}}\n',
  'an empty endpoint': 'mirrors:\n  quay.io:\n    endpoint: ""\n',
  'an endpoint with a tag': 'mirrors:\n  quay.io:\n    endpoint: !!str https://r.example.com\n',
  'an endpoint with an anchor': 'x-a: 1\nmirrors:\n  quay.io:\n    endpoint: &one https://r.example.com\n',
  'a file with a syntax error': 'mirrors:\n  https://docker.io: {}\n  *: {}\n',
  'a key without a port for two endpoints':
    'mirrors: {quay.io: {endpoint: ["https://r.example.com:5000", "https://r.example.com:5001"]}}\nconfigs:\n  r.example.com: {auth: {username: a, password: b}}\n',
}
for (const [name, text] of Object.entries(uncertain)) {
  test(`leaves ${name} unchanged`, async () => {
    const findings = await lint(text)
    assert.ok(findings.length > 0)
    assert.deepEqual(findCertainFixes(text, findings), [])
    assert.equal(await fix(text), text)
  })
}

type Value = string | boolean | readonly Value[] | { [key: string]: Value } | null

/** What another reader finds in the first document. */
function readPlainly(text: string): Value {
  const [first] = parseAllDocuments(text, { uniqueKeys: false, merge: true, version: '1.1' }) as { toJS(): Value }[]
  return first?.toJS() ?? null
}

/** What the edits of one round announce, applied to the values of the other reader. */
function applyTo(value: Value, edits: readonly Edit[]): Value {
  const rank = ({ kind, path }: Edit): number => (kind === 'rename' ? 1 : 0) * 10 - path.length
  for (const edit of edits.toSorted((a, b) => rank(a) - rank(b))) {
    const parent = edit.path.slice(0, -1).reduce<Value>((node, key) => (node as Record<string, Value>)[key] ?? null, value)
    const key = String(edit.path.at(-1))
    const record = parent as Record<string, Value>
    const old = record[key] ?? null
    if ('to' in edit) {
      Reflect.deleteProperty(record, key)
      record[edit.to] = old
    } else if (edit.kind === 'list') record[key] = [old]
    else if (edit.kind === 'unquote') record[key] = old === 'true'
  }
  return value
}

const comments = (text: string): readonly string[] => text.match(/# .*/g) ?? []

test('fixes change the meaning of a file only as they announce, keep every comment, and leave nothing to fix', async () => {
  const kinds = new Set<string>()
  await fc.assert(
    fc.asyncProperty(faultyFile, async (before) => {
      let text = before
      for (;;) {
        const findings = await lint(text)
        const { text: next, fixed } = fixRegistries(text, findings)
        if (fixed.length === 0) break
        for (const { edit } of fixed) kinds.add(edit.kind)
        // An alias shows a change in more than one place to the other reader.
        const edits = fixed.map(({ edit }) => edit)
        const isShared = text.includes('*shared') || text.includes('*merged')
        if (!isShared) assert.deepEqual(readPlainly(next), applyTo(readPlainly(text), edits))
        const [had, has] = [text, next].map((file) => parseRegistries(file, '').problems.length)
        assert.ok((has ?? 0) <= (had ?? 0))
        assert.deepEqual(comments(next), comments(text))
        text = next
      }
      assert.equal(await fix(before), text)
      assert.equal(await fix(text), text)
    }),
    { numRuns: 100 },
  )
  assert.deepEqual([...kinds].toSorted(), ['correct', 'list', 'remove', 'rename', 'unquote'])
})

test('finds the fixes of a large file in bounded time', async () => {
  const mirrors = Array.from({ length: 2000 }, (_, index) => `  https://r${index}.example.com: {endpoints: "", endpoint: a}\n`)
  const text = `mirrors:\n${mirrors.join('')}configs:\n${mirrors.join('').replaceAll('endpoint', 'tls')}`
  const findings = await lint(text)
  const took = await processorTime(() => findCertainFixes(text, findings))
  assert.ok(took < 60_000, `${took} ms`)
})
