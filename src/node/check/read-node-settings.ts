import { isMirrorError } from '../../errors.ts'
import type { Product } from '../../registries-yaml/hosts/k3s-flags.ts'
import { escaped, quoted } from '../../text/printable.ts'
import { mergeSettings, privateRegistryPath, type NodeSettings } from '../node-settings.ts'
import { readNodeConfig } from '../read-node-config.ts'
import { nodeFinding, type NodeFinding } from './finding.ts'
import { unreadableFinding, type NodeFiles } from './node-files.ts'
import type { NodeStart } from './read-node-start.ts'

/** The settings of a node from its flags, its config.yaml and its environment. */
export interface ReadNodeSettings {
  readonly settings: NodeSettings
  /** The path of config.yaml on the node. */
  readonly configPath: string
  /** The configuration files that were read, with the time of their last change. */
  readonly files: readonly { readonly path: string; readonly modified: number }[]
  readonly findings: readonly NodeFinding[]
}

/** The values of a flag on a command line, in order. */
function valuesOf(args: readonly string[], flag: string): readonly string[] {
  return args.flatMap((arg, index) => {
    const [, name, value] = /^--?([^=]+)(?:=([^]*))?$/.exec(arg) ?? []
    return name !== flag ? [] : [value ?? (args[index + 1]?.startsWith('-') === false ? (args[index + 1] ?? '') : 'true')]
  })
}

const lists = (values: readonly string[]): readonly string[] | undefined =>
  values.length === 0 ? undefined : values.flatMap((value) => value.split(',')).map((value) => value.trim())

const port = (text: string | undefined): number | undefined => (text !== undefined && /^[0-9]{1,5}$/.test(text) ? Number(text) : undefined)

/** The settings in flags of K3s: https://docs.k3s.io/cli/server */
export function settingsOfArgs(args: readonly string[]): NodeSettings {
  const last = (flag: string): string | undefined => valuesOf(args, flag).at(-1)
  const isOn = (flag: string): boolean | undefined => {
    const value = last(flag)
    return value === undefined
      ? undefined
      : ['true', '1', 't', 'T', 'TRUE', 'True'].includes(value) || !/^(?:false|0|f|F|FALSE|False)$/.test(value)
  }
  return {
    privateRegistry: last('private-registry'),
    dataDir: last('data-dir') ?? last('d'),
    systemDefaultRegistry: last('system-default-registry'),
    airgapExtraRegistries: lists(valuesOf(args, 'airgap-extra-registry')),
    pauseImage: last('pause-image'),
    snapshotter: last('snapshotter'),
    httpsListenPort: port(last('https-listen-port')),
    supervisorPort: port(last('supervisor-port')),
    serviceCidrs: lists(valuesOf(args, 'service-cidr')),
    disableDefaultEndpoint: isOn('disable-default-registry-endpoint'),
    embeddedRegistry: isOn('embedded-registry'),
  }
}

function settingsOfEnvironment(environment: ReadonlyMap<string, string>, prefix: string): NodeSettings {
  const value = (name: string): string | undefined => environment.get(`${prefix}_${name}`) || undefined
  return {
    dataDir: value('DATA_DIR'),
    systemDefaultRegistry: value('SYSTEM_DEFAULT_REGISTRY'),
    supervisorPort: port(value('SUPERVISOR_PORT')),
  }
}

function describe(settings: NodeSettings): string {
  const { dataDir, systemDefaultRegistry, airgapExtraRegistries = [], embeddedRegistry, disableDefaultEndpoint, pauseImage } = settings
  const parts = [
    `registries.yaml is ${escaped(privateRegistryPath(settings))}`,
    ...(dataDir === undefined ? [] : [`data-dir is ${escaped(dataDir)}`]),
    ...(systemDefaultRegistry === undefined || systemDefaultRegistry === ''
      ? []
      : [`system-default-registry is ${escaped(systemDefaultRegistry)}`]),
    ...(airgapExtraRegistries.length === 0 ? [] : [`airgap-extra-registry is ${airgapExtraRegistries.map(escaped).join(', ')}`]),
    ...(pauseImage === undefined ? [] : [`pause-image is ${escaped(pauseImage)}`]),
    ...(embeddedRegistry === true ? ['the embedded registry is enabled'] : []),
    ...(disableDefaultEndpoint === true ? ['the default endpoint is disabled'] : []),
  ]
  return parts.join(', ')
}

/** Reads what decides the settings of a node: flags of the service, then config.yaml, then variables. */
export async function readNodeSettings(
  files: NodeFiles,
  product: Product,
  service: NodeStart,
  signal?: AbortSignal,
): Promise<ReadNodeSettings> {
  const prefix = product === 'k3s' ? 'K3S' : 'RKE2'
  const findings: NodeFinding[] = []
  const args = [...valuesOf(service.args, 'config'), ...valuesOf(service.args, 'c')]
  const configPath = service.environment.get(`${prefix}_CONFIG_FILE`) || args[0] || `/etc/rancher/${product}/config.yaml`
  let ofFile: NodeSettings = {}
  const used: { path: string; modified: number }[] = []
  const paths = [configPath]
  const dropIns = await files.list(`${configPath}.d`)
  if (typeof dropIns !== 'string')
    paths.push(...dropIns.filter(({ name }) => /\.ya?ml$/i.test(name)).map(({ name }) => `${configPath}.d/${name}`))
  let isUnread = false
  for (const path of paths) {
    const file = await files.read(path)
    if (typeof file !== 'string') {
      used.push({ path, modified: file.modified })
      continue
    }
    const finding = unreadableFinding(path, file)
    if (finding !== undefined) findings.push(finding)
    isUnread ||= finding !== undefined
  }
  try {
    if (used.length > 0 && !isUnread) {
      const read = await readNodeConfig(configPath, { root: files.root, signal })
      ofFile = read.settings
      for (const warning of read.warnings)
        findings.push(nodeFinding('settings-warning', configPath, warning, { fix: 'correct the file, then restart K3s' }))
    }
  } catch (error) {
    if (!isMirrorError(error) || error.code === 'CANCELLED') throw error
    findings.push(
      nodeFinding('settings-invalid', configPath, `K3s does not start: ${error.message}`, { fix: error.hint ?? 'correct the file' }),
    )
  }
  const flags = settingsOfArgs(service.args)
  const own = mergeSettings(mergeSettings(settingsOfEnvironment(service.environment, prefix), ofFile), flags)
  const registries = [...(ofFile.airgapExtraRegistries ?? []), ...(flags.airgapExtraRegistries ?? [])]
  const settings: NodeSettings = { ...own, product, ...(registries.length > 0 && { airgapExtraRegistries: registries }) }
  if (!settings.dataDir?.startsWith('/') && settings.dataDir !== undefined)
    findings.push(
      nodeFinding('settings-warning', configPath, `data-dir ${quoted(settings.dataDir)} is not an absolute path`, {
        fix: 'write an absolute path',
      }),
    )
  const [place = configPath] = used.map(({ path }) => path)
  if (findings.every(({ severity }) => severity !== 'error'))
    findings.push(
      nodeFinding(
        'settings-read',
        used.length > 0 ? place : (service.path ?? configPath),
        `${used.length > 0 || service.path !== undefined ? '' : 'there is no config.yaml: '}${describe(settings)}`,
      ),
    )
  return { settings, configPath, files: used, findings }
}
