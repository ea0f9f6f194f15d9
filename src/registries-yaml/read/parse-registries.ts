import type { Position, Registries } from '../registries.ts'
import { YamlDecoder, type Path, type ReadProblem, type Remark, type Schema } from './decode-yaml.ts'
import { parseYaml } from './yaml-document.ts'

/** A registries.yaml as K3s reads it, with what it passes over. */
export interface ParsedRegistries {
  /** What messages call the file. */
  readonly path: string
  readonly registries: Registries
  /** Why K3s would not start with it; nothing of `registries` is to be relied on then. */
  readonly problems: readonly ReadProblem[]
  readonly remarks: readonly Remark[]
  /** The position of a key or a list item, as in `['mirrors', 'docker.io', 'endpoint', 0]`; of its nearest parent where it has none of its own. */
  readonly positionOf: (path: Path) => Position
}

const string: Schema = { type: 'string' }
const authFields = { username: string, password: string, auth: string, identity_token: { ...string, as: 'identityToken' } }
const tlsFields = {
  ca_file: { ...string, as: 'caFile' },
  cert_file: { ...string, as: 'certFile' },
  key_file: { ...string, as: 'keyFile' },
  insecure_skip_verify: { type: 'boolean', as: 'insecureSkipVerify' },
} as const
const mirrorFields = {
  endpoint: { type: 'list', of: string, as: 'endpoints' },
  rewrite: { type: 'map', of: string, as: 'rewrites' },
} as const

// This gives `Registries`. Of `auths`, which is older than `configs`, K3s reads the types and uses nothing.
const schema: Schema = {
  type: 'struct',
  fields: {
    mirrors: { type: 'map', of: { type: 'struct', fields: mirrorFields } },
    configs: {
      type: 'map',
      of: {
        type: 'struct',
        fields: {
          auth: { type: 'struct', isOptional: true, fields: authFields },
          tls: { type: 'struct', isOptional: true, fields: tlsFields },
        },
      },
    },
    auths: { isUnused: true, type: 'map', of: { type: 'struct', fields: authFields } },
  },
}

/** Reads the text of a registries.yaml; what is wrong with it is in the result and not thrown. `path` is what messages call it. */
export function parseRegistries(text: string, path: string): ParsedRegistries {
  const document = parseYaml(text)
  const decoder = new YamlDecoder(document)
  const registries = decoder.decode(schema) as Registries
  const { problem, rest } = document
  return {
    path,
    registries,
    problems: problem === undefined ? decoder.problems : [{ kind: 'syntax', path: [], ...problem }],
    remarks: [...decoder.remarks, ...(rest === undefined ? [] : [{ kind: 'unread-rest', path: [], position: rest } as const])],
    positionOf: (at) => decoder.positionOf(at),
  }
}
