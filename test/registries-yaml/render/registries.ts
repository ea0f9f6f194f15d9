import fc from 'fast-check'
import type { Mirror, Registries, RegistryAuth, RegistryConfig, RegistryTls } from '../../../src/registries-yaml/registries.ts'

/** Text without what no file name and no header can hold, and mostly with what formats have to escape. */
const text = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.string({ unit: 'grapheme', maxLength: 8 }),
  fc.constantFrom('', 'a"b', 'C:\\x', "it's", '\n', '\x7f'),
)
const host = fc.oneof(
  fc.constantFrom('docker.io', 'registry-1.docker.io', 'quay.io', 'r.example.com:5000', '[::1]:5000', 'localhost:5000', '*'),
  fc.stringMatching(/^[a-z0-9]{1,8}\.example\.com(?::[1-9][0-9]{0,3})?$/),
)
const endpoint = fc.oneof(
  host.filter((name) => name !== '*'),
  fc
    .tuple(
      fc.constantFrom('http', 'https'),
      host.filter((name) => name !== '*'),
      fc.constantFrom('', '/', '/v2', '/v2/', '/proxy/v2', '/x'),
    )
    .map(([scheme, name, path]) => `${scheme}://${name}${path}`),
)
const rewrite = fc.oneof(
  fc.constantFrom(['^(.*)$', 'proj/$1'] as const, ['^', 'a/b/'] as const, ['^rancher/(.*)', 'x/$1'] as const, ['(', 'x'] as const),
  fc.tuple(text, text),
)
const mirror: fc.Arbitrary<Mirror> = fc.record({
  endpoints: fc.array(endpoint, { maxLength: 3 }),
  rewrites: fc.array(rewrite, { maxLength: 2 }).map((entries) => new Map(entries)),
})
const auth: fc.Arbitrary<RegistryAuth> = fc.record({ username: text, password: text, auth: text, identityToken: text })
const tls: fc.Arbitrary<RegistryTls> = fc.record({ caFile: text, certFile: text, keyFile: text, insecureSkipVerify: fc.boolean() })
const config: fc.Arbitrary<RegistryConfig> = fc.record({
  auth: fc.option(auth, { nil: undefined }),
  tls: fc.option(tls, { nil: undefined }),
})

/** Registries as a file may have them: names and endpoints that are plausible, any text where text may be. */
export const anyRegistries: fc.Arbitrary<Registries> = fc.record({
  mirrors: fc.array(fc.tuple(host, mirror), { maxLength: 4 }).map((entries) => new Map(entries)),
  configs: fc.array(fc.tuple(host, config), { maxLength: 4 }).map((entries) => new Map(entries)),
})
