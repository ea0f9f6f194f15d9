import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseRegistries, type ParsedRegistries } from '../../../src/registries-yaml/read/parse-registries.ts'
import { decodeRegistriesText } from '../../../src/registries-yaml/read/read-registries.ts'

const parse = (text: string): ParsedRegistries => parseRegistries(text, 'registries.yaml')

/** The registries of a text that K3s would start with. */
function read(text: string) {
  const { problems, registries } = parse(text)
  assert.deepEqual(problems, [])
  return registries
}

const endpoints = (text: string) => Object.fromEntries([...read(text).mirrors].map(([name, mirror]) => [name, mirror.endpoints]))
const auth = (written: string) => read(`configs:\n  r:\n    auth: ${written}\n`).configs.get('r')?.auth
const password = (written: string) => auth(`{password: ${written}}`)?.password

/** `line:column why` of everything that keeps K3s from starting. */
const refusals = (text: string) => parse(text).problems.map(({ position, why }) => `${position.line}:${position.column} ${why}`)
const remarks = (text: string) => parse(text).remarks.map(({ kind, path, position }) => `${position.line} ${kind} ${path.join('.')}`)

test('every key of the schema is read', () => {
  const registries = read(`
mirrors:
  docker.io:
    endpoint: [https://a:5000, b]
    rewrite: {"^x/(.*)": "y/$1"}
  "*":
configs:
  a:5000:
    auth: {username: u, password: p, auth: dTpw, identity_token: t}
    tls: {ca_file: /ca, cert_file: /cert, key_file: /key, insecure_skip_verify: true}
auths: {a: {username: u}}
`)
  assert.deepEqual(registries.mirrors.get('docker.io'), { endpoints: ['https://a:5000', 'b'], rewrites: new Map([['^x/(.*)', 'y/$1']]) })
  assert.deepEqual(registries.mirrors.get('*'), { endpoints: [], rewrites: new Map() })
  assert.deepEqual(registries.configs.get('a:5000'), {
    auth: { username: 'u', password: 'p', auth: 'dTpw', identityToken: 't' },
    tls: { caFile: '/ca', certFile: '/cert', keyFile: '/key', insecureSkipVerify: true },
  })
})

test('a string keeps its source text, and only a null is empty', () => {
  for (const text of ['0123', 'yes', '1e3', '2001-01-01', '0x1F', 'true', '1_000', '.inf', '<<x', '!x y'.slice(3)])
    assert.equal(password(text), text)
  for (const text of ['~', 'null', 'Null', 'NULL', '']) assert.equal(password(text), '')
  for (const [written, meant] of [
    ['"~"', '~'],
    ["'null'", 'null'],
    ['!!str ~', '~'],
    ['!!binary cDp3', 'p:w'],
    ['! x', 'x'],
    ['!mine x', 'x'],
    ['"\\x41\\u00e9\\e"', 'Aé\x1b'],
  ] as const)
    assert.equal(password(written), meant, written)
  assert.deepEqual(endpoints('mirrors: {~: {endpoint: [~, 5000]}}'), { '': ['', '5000'] })
})

test('only plain YAML 1.1 words are true or false', () => {
  const skip = (written: string) =>
    read(`configs: {r: {tls: {insecure_skip_verify: ${written}}}}`).configs.get('r')?.tls?.insecureSkipVerify
  for (const word of ['y', 'Y', 'yes', 'Yes', 'YES', 'on', 'On', 'ON', 'true', 'True', 'TRUE', '!!bool "yes"'])
    assert.equal(skip(word), true, word)
  for (const word of ['n', 'no', 'off', 'OFF', 'false', '~', '']) assert.equal(skip(word), false, word)
  for (const word of ['1', 'tRUE', '!!str true', '! true'])
    assert.deepEqual(refusals(`configs:\n  r: {tls: {insecure_skip_verify: ${word}}}`).length, 1, word)
  assert.deepEqual(
    parse('configs:\n  r: {tls: {insecure_skip_verify: "true"}}').problems.map(({ kind }) => kind),
    ['quoted-boolean'],
  )
})

test('a null auth is undefined; an empty auth and Null are not', () => {
  const none = { username: '', password: '', auth: '', identityToken: '' }
  for (const written of ['', '~', 'null']) assert.equal(auth(written), undefined)
  for (const written of ['{}', 'Null', 'NULL', '{token: x}']) assert.deepEqual(auth(written), none, written)
})

test('the last duplicate key wins, but mirrors, configs, rewrites, auth and tls are merged', () => {
  assert.deepEqual(endpoints('mirrors:\n  a: {endpoint: [x]}\n  b: {endpoint: [y]}\nmirrors:\n  a: {endpoint: [z]}\n'), {
    a: ['z'],
    b: ['y'],
  })
  assert.deepEqual(endpoints('mirrors:\n  a: {endpoint: [x], rewrite: {p: q}}\n  a: {endpoint: [z]}\n'), { a: ['z'] })
  assert.equal(read('mirrors:\n  a: {rewrite: {p: q}, rewrite: {r: s}}').mirrors.get('a')?.rewrites.size, 2)
  assert.deepEqual(read('configs: {r: {auth: {username: u}, auth: {password: p}}}').configs.get('r')?.auth, {
    username: 'u',
    password: 'p',
    auth: '',
    identityToken: '',
  })
  assert.deepEqual(endpoints('mirrors:\n  a: {endpoint: [x]}\nmirrors:\n'), {}, 'a later null erases')
  assert.deepEqual(endpoints('mirrors:\n  a: {endpoint: [x]}\nmirrors: {}\n'), { a: ['x'] })
  assert.deepEqual(remarks('mirrors:\n  a: {}\n  "a": {}\n'), ['3 duplicate-key mirrors.a'])
})

test('a merge overrides the keys before it, and the keys after it override the merge', () => {
  const base = 'x: &x {endpoint: [base], rewrite: {p: base}}\nx2: &x2 {endpoint: [second]}\n'
  assert.deepEqual(endpoints(`${base}mirrors:\n  a:\n    endpoint: [own]\n    <<: *x\n`), { a: ['base'] })
  assert.deepEqual(endpoints(`${base}mirrors:\n  a:\n    <<: *x\n    endpoint: [own]\n`), { a: ['own'] })
  assert.deepEqual(endpoints(`${base}mirrors:\n  a:\n    <<: [*x2, *x]\n`), { a: ['second'] })
  assert.deepEqual(refusals(`${base}mirrors:\n  a:\n    <<: text\n`), ['5:9 the value of "<<" is not a mapping'])
  assert.deepEqual(remarks('mirrors:\n  a:\n    "<<": {}\n'), ['3 unknown-key mirrors.a.<<'])
})

test('an alias is the last node with the anchor; one within its own anchor is rejected', () => {
  assert.deepEqual(endpoints('e: &e [x]\nf: &e [y]\nmirrors: {a: {endpoint: *e}}'), { a: ['y'] })
  assert.deepEqual(refusals('mirrors: {a: {endpoint: *e}}').length, 1)
  assert.deepEqual(refusals('mirrors: &m\n  a: *m\n'), [])
  assert.match(refusals('mirrors: {a: {rewrite: &r {<<: *r}}}').join(), /an anchor contains its own alias/)
})

test('aliases that expand to gigabytes are rejected', () => {
  const lines = Array.from(
    'bcdefgh',
    (name, i) => `${name}: &${name} {${Array.from({ length: 9 }, (_, k) => `k${k}: *${'abcdefg'[i] ?? ''}`).join()}}`,
  )
  const bomb = ['a: &a {username: x}', ...lines, 'auths: *h'].join('\n')
  assert.deepEqual(refusals(bomb.replace('auths', 'unread')), [])
  const long = `l: &l [${Array.from({ length: 1000 }, () => 'x').join()}]`
  const often = `mirrors: {${Array.from({ length: 100 }, (_, i) => `k${i}: {endpoint: *l}`).join()}}`
  assert.match(refusals(`${long}\n${often}`).join(), /the aliases expand to an excessive size/)
})

test('all values of a wrong type are reported at once, and never quoted', () => {
  assert.deepEqual(refusals('mirrors:\n  a:\n    endpoint: s3cret\nconfigs:\n  r: [s3cret]\n  t: {auth: s3cret, tls: {ca_file: {}}}\n'), [
    '3:15 must be a list, not a single value',
    '5:6 must be a mapping, not a list',
    '6:13 must be a mapping, not a single value',
    '6:36 must be a string, not a mapping',
  ])
  assert.deepEqual(refusals('hello'), ['1:1 must be a mapping, not a single value'])
  assert.deepEqual(refusals('auths: {r: {username: [x]}}').length, 1)
  assert.deepEqual(refusals('other: {r: {username: [x]}}\nmirror: s'), [])
  assert.match(refusals('configs: {r: {auth: {password: !!int s3cret}}}').join(), /^1:38 the value does not match its tag !!int$/)
})

test('a byte order mark, CRLF, single CRs, UTF-16 and JSON are read', () => {
  const text = 'mirrors:\n  a:\n    endpoint:\n      - x\n'
  const utf16 = Buffer.from(`\ufeff${text}`, 'utf16le')
  for (const bytes of [
    Buffer.from(`\ufeff${text}`),
    Buffer.from(text.replaceAll('\n', '\r\n')),
    Buffer.from(text.replaceAll('\n', '\r')),
    utf16,
    Buffer.from(utf16).swap16(),
    Buffer.from('{"mirrors":{"a":{"endpoint":["x"]}}}'),
  ])
    assert.deepEqual(endpoints(decodeRegistriesText(bytes, 'f')), { a: ['x'] })
  assert.throws(() => decodeRegistriesText(Buffer.from([0x61, 0xff]), 'f'), { code: 'INVALID_CONFIG', message: 'f: not UTF-8 text' })
})

test('indentation between brackets is free, and positions are those of the file', () => {
  assert.deepEqual(endpoints('mirrors:\n  docker.io:\n    endpoint: [\n    a,\nb\n]\n'), { 'docker.io': ['a', 'b'] })
  assert.deepEqual(endpoints('mirrors: {\nm: {endpoint: [a\n]}\n}\n'), { m: ['a'] })
  const { remarks: found } = parse('configs: {\nr: {\ntoken: x}\n}\nmirrors: {}\n')
  assert.deepEqual(
    found.map(({ position }) => position),
    [{ line: 3, column: 1 }],
  )
})

test('a colon in braces requires a space after an unquoted key', () => {
  assert.deepEqual(refusals('mirrors: {m: {endpoint:[a]}}\n'), ['1:15 invalid YAML: missing space after a colon in a mapping in braces'])
  assert.deepEqual(endpoints('mirrors: {"m":{"endpoint":["a"]}}\n'), { m: ['a'] })
})

test('only the first document is read', () => {
  assert.deepEqual(endpoints('mirrors: {a: {endpoint: [x]}}\n---\nmirrors: {b: {}}\n@\n'), { a: ['x'] })
  assert.deepEqual(remarks('mirrors: {}\n---\nmirrors: {b: {}}\n'), ['2 unread-rest '])
  // the second block is not indented as the first one is, which ends the document
  const dedented = '  mirrors:\n    a: {}\nconfigs:\n  r: {}\n'
  assert.equal(read(dedented).configs.size, 0)
  assert.deepEqual(remarks(dedented), ['3 unread-rest '])
  assert.deepEqual(remarks('{mirrors: {}} garbage'), ['1 unread-rest '])
  for (const empty of ['', '# nothing\n', '---\n', '{}', 'mirrors:\nconfigs: ~\n']) assert.equal(read(empty).mirrors.size, 0)
})

test('YAML that libyaml rejects is rejected, with the position', () => {
  for (const [text, why] of [
    ['mirrors:\n  *:\n    endpoint: [x]\n', /^2:3 invalid YAML: "\*" without quotes/],
    ['mirrors:\n\ta: {}\n', /tab in the indentation|tab instead of/],
    ['mirrors:\n\t\n  a: {}\n', /^2:1 invalid YAML: tab/],
    ['mirrors:\n  a:\n    endpoint:\n      -\tx\n', /^4:8 invalid YAML: tab/],
    ['a: "x\\/y"', /^1:6 invalid YAML: JSON escape/],
    ['a: "\\ud83d\\ude00"', /JSON escape/],
    ['%YAML 1.2\n---\na: b\n', /^1:1 invalid YAML: unsupported directive/],
    ['a: [https://x?y=z]', /question mark/],
    ['a: b\u0007', /^1:5 invalid YAML: control character/],
    ['a: "b', /missing character/],
    ['a: &é b', /invalid anchor name/],
    ['[\n'.repeat(20_000), /invalid YAML/],
  ] as const)
    assert.match(refusals(text).join(), why, text.slice(0, 40))
  for (const fine of ['a: [x,\ty]', 'a: "x\ty"', 'a: |\n  x\n  \ty\n', 'a:\tb', '%YAML 1.1\n---\na: b', 'a: https://x?y=z', 'a: "\\\\/"'])
    read(fine)
})

test('positions are those of keys and list items, or of the nearest parent', () => {
  const { positionOf } = parse('mirrors:\n  a:\n    endpoint:\n      - x\n      - y\n')
  assert.deepEqual(positionOf(['mirrors', 'a', 'endpoint', 1]), { line: 5, column: 9 })
  assert.deepEqual(positionOf(['mirrors', 'a']), { line: 2, column: 3 })
  assert.deepEqual(positionOf(['mirrors', 'a', 'rewrite', 'p']), { line: 2, column: 3 })
  assert.deepEqual(positionOf(['configs']), { line: 1, column: 1 })
})

test('remarks about unknown keys contain the known ones', () => {
  assert.deepEqual(
    remarks('mirror: {}\nmirrors: {a: {endpoints: [x]}}\nconfigs: {r: {auth: {token: t}, tls: {insecureSkipVerify: true}}}'),
    [
      '1 unknown-key mirror',
      '2 unknown-key mirrors.a.endpoints',
      '3 unknown-key configs.r.auth.token',
      '3 unknown-key configs.r.tls.insecureSkipVerify',
    ],
  )
})
