import { parse } from 'smol-toml'

/** What of containerd's configuration decides where images come from. */
export interface RegistrySection {
  /** The version that the file declares; undefined without one. */
  readonly version: number | undefined
  readonly imports: readonly string[]
  readonly configPath: string | undefined
  /** The fields of each auth by the key of its registry. They are secret, and only compared. */
  readonly credentials: ReadonlyMap<string, string>
  /** Settings in the syntax before certs.d, with which containerd refuses a `config_path`. */
  readonly hasMirrors: boolean
  readonly sandboxImage: string | undefined
}

type Table = Readonly<Record<string, unknown>>

/** The plugin with the registry section, by the version of the file. */
const plugins = ['io.containerd.cri.v1.images', 'io.containerd.grpc.v1.cri'] as const

function tableIn(table: Table, key: string): Table {
  const value = Object.hasOwn(table, key) ? table[key] : undefined
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Table) : {}
}

const textIn = (table: Table, key: string): string | undefined => (typeof table[key] === 'string' ? table[key] : undefined)

/** The non-empty fields of an auth, in the order of their names. */
function secretsOf(auth: Table): string {
  return JSON.stringify(
    Object.entries(auth)
      .filter(([, value]) => value !== '')
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  )
}

/** Reads a config.toml or one of its drop-ins; undefined for invalid TOML. The parser's message is dropped, because it quotes the file. */
export function readRegistrySection(text: string): RegistrySection | undefined {
  let document: Table
  try {
    document = parse(text)
  } catch {
    return undefined
  }
  const all = tableIn(document, 'plugins')
  const sections = plugins.map((name) => tableIn(all, name))
  const registries = sections.map((section) => tableIn(section, 'registry'))
  const configs = registries.flatMap((registry) => Object.entries(tableIn(registry, 'configs')))
  const auths = configs.flatMap(([key, config]): [string, string][] => {
    const auth = tableIn({ config }, 'config')
    return Object.hasOwn(auth, 'auth') ? [[key, secretsOf(tableIn(auth, 'auth'))]] : []
  })
  const { imports, version } = document
  const [images = {}, cri = {}] = sections
  return {
    version: typeof version === 'number' ? version : undefined,
    imports: Array.isArray(imports) ? imports.filter((one): one is string => typeof one === 'string') : [],
    configPath: registries.map((registry) => textIn(registry, 'config_path')).find((path) => path !== undefined),
    credentials: new Map(auths),
    hasMirrors: registries.some((registry) => Object.keys(tableIn(registry, 'mirrors')).length > 0),
    sandboxImage: textIn(tableIn(images, 'pinned_images'), 'sandbox') ?? textIn(cri, 'sandbox_image'),
  }
}
