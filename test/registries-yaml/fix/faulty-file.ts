import fc from 'fast-check'

/** A file with faults, and its text in lines. */
interface Block {
  readonly lines: readonly string[]
}

const comment = fc.constantFrom('', '', ' # note', ' # "quoted": {x}')
const quote = fc.constantFrom('"', "'")
const host = fc.constantFrom(
  'registry.example.com',
  'registry.example.com:5000',
  'docker.io',
  'quay.io',
  'localhost:5000',
  'harbor.example.com',
)

/** A key as people write it: right, or with one of the mistakes that lint reports. */
const faultyName = fc
  .tuple(host, fc.constantFrom('', '', '', 'https://', 'http://'), fc.constantFrom('', '', '', '/', '/v2', '/v2/', '/library'), fc.nat(6))
  .map(([name, scheme, path, upper]) => scheme + (upper === 0 ? name.toUpperCase() : upper === 1 ? 'index.docker.io' : name) + path)

function written(name: string, style: string): string {
  return style === '' && !name.includes('*') ? name : `${style || '"'}${name}${style || '"'}`
}

const key = fc.tuple(faultyName, fc.constantFrom('', '"', "'")).map(([name, style]) => written(name, style))
const endpoint = fc.tuple(fc.constantFrom('https://', 'http://', ''), host).map(([scheme, name]) => `"${scheme}${name}"`)

const mirror: fc.Arbitrary<Block> = fc
  .record({
    name: key,
    field: fc.constantFrom('endpoint', 'endpoint', 'endpoints', 'Endpoint', 'endpont'),
    endpoints: fc.array(endpoint, { minLength: 1, maxLength: 2 }),
    form: fc.constantFrom('block', 'flow', 'single', 'next line', 'braces', 'braces single', 'empty'),
    rewrite: fc.boolean(),
    comments: fc.tuple(comment, comment, comment),
  })
  .map(({ name, field, endpoints, form, rewrite, comments: [first, second, third] }) => {
    const [one = ''] = endpoints
    const more = rewrite ? [`    rewrite:${third}`, '      "^(.*)$": "mirror/$1"'] : []
    if (form === 'empty') return { lines: [`  ${name}:${first}`] }
    if (form === 'braces') return { lines: [`  ${name}: {${field}: [${endpoints.join(', ')}]}${first}`] }
    if (form === 'braces single') return { lines: [`  ${name}: { ${field}: ${one} }${first}`] }
    const head = `  ${name}:${first}`
    if (form === 'flow') return { lines: [head, `    ${field}: [${endpoints.join(', ')}]${second}`, ...more] }
    if (form === 'single') return { lines: [head, `    ${field}:  ${one}${second}`, ...more] }
    if (form === 'next line') return { lines: [head, `    ${field}:${second}`, `      ${one}${third}`, ...more] }
    return { lines: [head, `    ${field}:${second}`, ...endpoints.map((text) => `      - ${text}${third}`), ...more] }
  })

const config: fc.Arbitrary<Block> = fc
  .record({
    name: key,
    field: fc.constantFrom('insecure_skip_verify', 'insecureSkipVerify', 'insecure-skip-verify'),
    value: fc
      .tuple(quote, fc.constantFrom('true', 'no', 'off', 'maybe'), fc.boolean())
      .map(([q, word, quoted]) => (quoted ? q + word + q : word)),
    auth: fc.boolean(),
    flow: fc.boolean(),
    comments: fc.tuple(comment, comment),
  })
  .map(({ name, field, value, auth, flow, comments: [first, second] }) => {
    const login = auth ? ['    auth: {username: k3s, password: hunter2}'] : []
    return flow
      ? { lines: [`  ${name}: {tls: {${field}: ${value}}}${first}`] }
      : { lines: [`  ${name}:${first}`, ...login, '    tls:', `      ${field}: ${value}${second}`] }
  })

/** Some blocks, of which each may be there twice. */
function blocks(of: fc.Arbitrary<Block>): fc.Arbitrary<readonly string[]> {
  return fc
    .array(fc.tuple(of, fc.nat(5)), { maxLength: 4 })
    .map((found) => found.flatMap(([{ lines }, twice]) => (twice === 0 ? [...lines, ...lines] : lines)))
}

const shared = fc.constantFrom<readonly string[]>(
  [],
  ['  "https://shared.example.com": &shared', '    endpoint: https://one.example.com', '  ghcr.io: *shared'],
  ['  ghcr.io: &merged {endpoints: ["https://one.example.com"]}', '  registry.k8s.io: {<<: *merged, rewrite: {"^a$": b}}'],
)

/** The text of a file with mistakes: in blocks or braces, with comments, anchors, repetitions, CRLF and a byte order mark. */
export const faultyFile: fc.Arbitrary<string> = fc
  .record({
    mirrors: blocks(mirror),
    shared,
    configs: blocks(config),
    sections: fc.constantFrom(['mirrors', 'configs'], ['mirror', 'configs'], ['mirrors', 'Configs']),
    reversed: fc.boolean(),
    newline: fc.constantFrom('\n', '\r\n'),
    mark: fc.constantFrom('', '\uFEFF'),
    end: fc.constantFrom('', '\n', '\n# end\n', '\n---\nmirrors: {}\n'),
  })
  .map(({ mirrors, shared: more, configs, sections: [first = '', second = ''], reversed, newline, mark, end }) => {
    const all = [
      [`${first}: # registries`, ...mirrors, ...more],
      [`${second}:`, ...configs, '  # last'],
    ]
    const lines = ['# top', ...(reversed ? all.toReversed() : all).flat()]
    return mark + (lines.join('\n') + end).replaceAll('\n', newline)
  })
