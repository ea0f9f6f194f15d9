import type { Mirror, Position, Registries, RegistryAuth, RegistryConfig } from '../registries.ts'
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
  /** Where a key or a list item stands, as in `['mirrors', 'docker.io', 'endpoint', 0]`; its nearest parent where it has no place of its own. */
  readonly positionOf: (path: Path) => Position
}

const string: Schema = { type: 'string' }
const authFields = { username: string, password: string, auth: string, identity_token: string }

// Of `auths`, which is older than `configs`, K3s reads the types and uses nothing.
const schema: Schema = {
  type: 'struct',
  fields: {
    mirrors: {
      type: 'map',
      of: { type: 'struct', fields: { endpoint: { type: 'list', of: string }, rewrite: { type: 'map', of: string } } },
    },
    configs: {
      type: 'map',
      of: {
        type: 'struct',
        fields: {
          auth: { type: 'struct', isOptional: true, fields: authFields },
          tls: {
            type: 'struct',
            isOptional: true,
            fields: { ca_file: string, cert_file: string, key_file: string, insecure_skip_verify: { type: 'boolean' } },
          },
        },
      },
    },
    auths: { type: 'map', isUnused: true, of: { type: 'struct', fields: authFields } },
  },
}

interface DecodedAuth {
  readonly username: string
  readonly password: string
  readonly auth: string
  readonly identity_token: string
}

interface DecodedFile {
  readonly mirrors: ReadonlyMap<string, { readonly endpoint: readonly string[]; readonly rewrite: ReadonlyMap<string, string> }>
  readonly configs: ReadonlyMap<
    string,
    {
      readonly auth?: DecodedAuth
      readonly tls?: {
        readonly ca_file: string
        readonly cert_file: string
        readonly key_file: string
        readonly insecure_skip_verify: boolean
      }
    }
  >
}

function toAuth({ username, password, auth, identity_token: identityToken }: DecodedAuth): RegistryAuth {
  return { username, password, auth, identityToken }
}

function toRegistries({ mirrors, configs }: DecodedFile): Registries {
  const toConfig = ({ auth, tls }: typeof configs extends ReadonlyMap<string, infer C> ? C : never): RegistryConfig => ({
    auth: auth === undefined ? undefined : toAuth(auth),
    tls:
      tls === undefined
        ? undefined
        : { caFile: tls.ca_file, certFile: tls.cert_file, keyFile: tls.key_file, insecureSkipVerify: tls.insecure_skip_verify },
  })
  return {
    mirrors: new Map(
      [...mirrors].map(([name, { endpoint, rewrite }]): [string, Mirror] => [name, { endpoints: endpoint, rewrites: rewrite }]),
    ),
    configs: new Map([...configs].map(([host, config]) => [host, toConfig(config)])),
  }
}

/** Reads the text of a registries.yaml; what is wrong with it is in the result and not thrown. `path` is what messages call it. */
export function parseRegistries(text: string, path: string): ParsedRegistries {
  const document = parseYaml(text)
  const decoder = new YamlDecoder()
  const decoded = decoder.decode(document.root, schema) as unknown as DecodedFile
  const { problem, rest } = document
  return {
    path,
    registries: toRegistries(decoded),
    problems: problem === undefined ? decoder.problems : [{ kind: 'syntax', path: [], ...problem }],
    remarks: [...decoder.remarks, ...(rest === undefined ? [] : [{ kind: 'unread-rest', path: [], position: rest } as const])],
    positionOf: (at) => decoder.positionOf(at),
  }
}
