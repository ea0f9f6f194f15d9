import type { Position, Registries } from '../registries.ts'
import { YamlDecoder, type Path, type ReadProblem, type Remark, type WrittenEntry } from './decode-yaml.ts'
import { parseYaml, type YamlDocument } from './yaml-document.ts'
import type { Schema } from './yaml-schema.ts'

/** A registries.yaml as K3s reads it, with the parts that K3s ignores. */
export interface ParsedRegistries {
  /** The name of the file in messages. */
  readonly path: string
  readonly registries: Registries
  /** Errors that keep K3s from starting; with any of them `registries` is incomplete. */
  readonly problems: readonly ReadProblem[]
  readonly remarks: readonly Remark[]
  /** The position of a key or a list item, as in `['mirrors', 'docker.io', 'endpoint', 0]`, or of its nearest parent with a position. */
  readonly positionOf: (path: Path) => Position
  /** The path of the key or list item at a position, or of the last one before it. */
  readonly pathAt: (position: Position) => Path
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

/** The keys that K3s reads, and their types; the result is `Registries`. K3s checks the types of `auths`, the predecessor of `configs`, and ignores it. */
export const registriesSchema: Schema = {
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

/** A parsed file with the nodes that it was read from. */
export interface WrittenRegistries {
  readonly parsed: ParsedRegistries
  readonly document: YamlDocument
  /** The entries at a path: several for a duplicate key, none for a path that does not exist. */
  readonly entriesOf: (path: Path) => readonly WrittenEntry[]
}

/** Parses the text of a registries.yaml, and keeps the nodes for changes of the text. */
export function parseWritten(text: string, path: string): WrittenRegistries {
  const document = parseYaml(text)
  const decoder = new YamlDecoder(document)
  const registries = decoder.decode(registriesSchema) as Registries
  const { problem, rest } = document
  const parsed: ParsedRegistries = {
    path,
    registries,
    problems: problem === undefined ? decoder.problems : [{ kind: 'syntax', path: [], ...problem }],
    remarks: [...decoder.remarks, ...(rest === undefined ? [] : [{ kind: 'unread-rest', path: [], position: rest } as const])],
    positionOf: (at) => decoder.positionOf(at),
    pathAt: (position) => decoder.pathAt(position),
  }
  return { parsed, document, entriesOf: (at) => decoder.entriesOf(at) }
}

/** Parses the text of a registries.yaml. Errors are in the result and not thrown. `path` is the name of the file in messages. */
export function parseRegistries(text: string, path: string): ParsedRegistries {
  return parseWritten(text, path).parsed
}
