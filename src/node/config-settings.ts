import { isIPv6 } from 'node:net'
import { posix } from 'node:path'
import { MirrorError } from '../errors.ts'
import type { Product } from '../registries-yaml/hosts/k3s-flags.ts'
import { formatPosition } from '../registries-yaml/read/read-registries.ts'
import { quoted } from '../text/printable.ts'
import { redactUserinfo } from '../text/redact.ts'
import type { ConfigEntry } from './config-values.ts'
import type { NodeSettings } from './node-settings.ts'
import { isCidr, isSystemRegistry } from './value-forms.ts'

/** What the flags of a configuration mean, and what is surprising about them. */
export interface ReadSettings {
  readonly settings: NodeSettings
  readonly warnings: readonly string[]
}

/** The flags that are read, by their names and aliases: https://github.com/k3s-io/k3s/tree/main/pkg/cli/cmds */
const names = {
  'private-registry': ['private-registry'],
  'data-dir': ['data-dir', 'd'],
  'system-default-registry': ['system-default-registry'],
  'disable-default-registry-endpoint': ['disable-default-registry-endpoint'],
  'embedded-registry': ['embedded-registry'],
  'airgap-extra-registry': ['airgap-extra-registry'],
  'pause-image': ['pause-image'],
  'https-listen-port': ['https-listen-port'],
  'supervisor-port': ['supervisor-port'],
  'service-cidr': ['service-cidr'],
  'node-ip': ['node-ip', 'i'],
  snapshotter: ['snapshotter'],
  docker: ['docker'],
  'container-runtime-endpoint': ['container-runtime-endpoint'],
  'image-service-endpoint': ['image-service-endpoint'],
} as const
type Flag = keyof typeof names

/** The flags that an agent does not have: it skips them in config.yaml. */
const serverFlags: ReadonlySet<string> = new Set<Flag>([
  'system-default-registry',
  'embedded-registry',
  'https-listen-port',
  'supervisor-port',
  'service-cidr',
])

/** The keys that have an effect on an agent. An agent of RKE2 has its own `--system-default-registry`: https://docs.rke2.io/reference/linux_agent_config */
export function withoutServerFlags(entries: readonly ConfigEntry[], product: Product): readonly ConfigEntry[] {
  return entries.filter(({ key }) => !serverFlags.has(key) || (product === 'rke2' && key === 'system-default-registry'))
}

const hint = 'correct the file: https://docs.k3s.io/installation/configuration#configuration-file'

function at({ path, position, key }: ConfigEntry): string {
  return `${formatPosition(path, position)}: ${key}`
}

function refuse(entry: ConfigEntry, why: string): never {
  throw new MirrorError('INVALID_CONFIG', `${at(entry)}: ${why}`, { hint })
}

/** The texts of https://pkg.go.dev/strconv#ParseBool */
const booleans: ReadonlyMap<string, boolean> = new Map([
  ...['1', 't', 'T', 'TRUE', 'true', 'True'].map((text) => [text, true] as const),
  ...['0', 'f', 'F', 'FALSE', 'false', 'False'].map((text) => [text, false] as const),
])

function readTexts(entry: ConfigEntry): readonly string[] {
  return entry.texts.map((text) => text ?? refuse(entry, 'must be a single value, not a mapping'))
}

function readBoolean(entry: ConfigEntry): boolean | undefined {
  return readTexts(entry)
    .map((text) => booleans.get(text) ?? refuse(entry, 'must be true or false'))
    .at(-1)
}

/** A number as https://pkg.go.dev/strconv#ParseInt with base 0: also hexadecimal, octal and binary. */
function parseInteger(text: string): number | undefined {
  const digits = text.replace(/(?<=[0-9a-fA-FxXoObB])_(?=[0-9a-fA-F])/g, '')
  if (/^0[xX][0-9a-fA-F]+$|^0[bB][01]+$|^0[oO][0-7]+$|^(?:0|[1-9][0-9]*)$/.test(digits)) return Number(digits)
  return /^0[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : undefined
}

function readPort(entry: ConfigEntry, least: number): number | undefined {
  return readTexts(entry)
    .map((text) => {
      const port = parseInteger(text)
      return port !== undefined && port >= least && port <= 65_535 ? port : refuse(entry, 'must be a port number of at most 65535')
    })
    .at(-1)
}

function readCidrs(entry: ConfigEntry): readonly string[] | undefined {
  const cidrs = readTexts(entry).flatMap((text) => text.split(','))
  const wrong = cidrs.find((cidr) => !isCidr(cidr))
  if (wrong !== undefined) refuse(entry, `${JSON.stringify(wrong.slice(0, 100))} is not a CIDR such as 10.43.0.0/16`)
  return cidrs.length === 0 ? undefined : cidrs
}

/** K3s' default of `--service-cidr` for a node whose first address is IPv6. */
const defaultIPv6Cidr = 'fd00:43::/112'

function readsIPv6First(entry: ConfigEntry): boolean {
  const [first = ''] = readTexts(entry).flatMap((text) => text.split(','))
  return isIPv6(first)
}

/** The settings of a merged configuration. Throws INVALID_CONFIG for values with which K3s does not start. */
export function readSettings(entries: readonly ConfigEntry[]): ReadSettings {
  const warnings: string[] = []
  const find = (flag: Flag): ConfigEntry | undefined => {
    const [first, second] = entries.filter(({ key, texts }) => texts.length > 0 && names[flag].some((name) => name === key))
    if (first !== undefined && second !== undefined)
      refuse(second, `K3s does not start with two forms of one flag, ${first.key} and ${second.key}`)
    return first
  }
  const read = <T>(flag: Flag, parse: (entry: ConfigEntry) => T): T | undefined => {
    const entry = find(flag)
    return entry && parse(entry)
  }
  const text = (flag: Flag): string | undefined => read(flag, (entry) => readTexts(entry).at(-1))
  const filled = (flag: Flag): string | undefined => text(flag) || undefined
  const dataDir = (entry: ConfigEntry): string | undefined => {
    const path = readTexts(entry).at(-1)
    if (path === undefined || path === '') return undefined
    if (!path.startsWith('/')) warnings.push(`${at(entry)}: the path is relative to the working directory of K3s, which is / for a service`)
    return posix.resolve('/', path)
  }
  const runtimes = [
    ...(read('docker', readBoolean) === true ? [find('docker')] : []),
    ...(['container-runtime-endpoint', 'image-service-endpoint'] as const).flatMap((flag) =>
      filled(flag) === undefined ? [] : [find(flag)],
    ),
  ]
  for (const entry of runtimes) {
    if (entry !== undefined) warnings.push(`${at(entry)}: containerd of K3s does not pull the images, so registries.yaml has no effect`)
  }
  const registry = text('system-default-registry') ?? ''
  if (registry !== '' && !isSystemRegistry(registry)) {
    const entry = find('system-default-registry')
    const why = 'is not host[:port][/path]: K3s writes image names that containerd cannot pull'
    warnings.push(`${entry === undefined ? '' : `${at(entry)}: `}${quoted(redactUserinfo(registry))} ${why}`)
  }
  const supervisorPort = read('supervisor-port', (entry) => readPort(entry, 0))
  return {
    settings: {
      privateRegistry: filled('private-registry'),
      dataDir: read('data-dir', dataDir),
      systemDefaultRegistry: text('system-default-registry'),
      disableDefaultEndpoint: read('disable-default-registry-endpoint', readBoolean),
      embeddedRegistry: read('embedded-registry', readBoolean),
      airgapExtraRegistries: read('airgap-extra-registry', readTexts),
      pauseImage: text('pause-image'),
      httpsListenPort: read('https-listen-port', (entry) => readPort(entry, 1)),
      supervisorPort: supervisorPort === 0 ? undefined : supervisorPort,
      serviceCidrs: read('service-cidr', readCidrs) ?? (read('node-ip', readsIPv6First) === true ? [defaultIPv6Cidr] : undefined),
      snapshotter: filled('snapshotter'),
    },
    warnings,
  }
}
