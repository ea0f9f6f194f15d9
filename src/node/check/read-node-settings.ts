import { isMirrorError } from '../../errors.ts'
import type { Product } from '../../registries-yaml/hosts/k3s-flags.ts'
import { escaped } from '../../text/printable.ts'
import { readSettings, withoutServerFlags, type ReadSettings } from '../config-settings.ts'
import type { ConfigEntry } from '../config-values.ts'
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

/** The flags of a command line, which K3s reads like the keys of config.yaml. */
function flagEntries(args: readonly string[], path: string): readonly ConfigEntry[] {
  const texts = new Map<string, string[]>()
  for (const [index, arg] of args.entries()) {
    const [, key, value] = /^--?([^=]+)(?:=([^]*))?$/.exec(arg) ?? []
    if (key === undefined) continue
    const next = args[index + 1]
    // A switch has no value.
    const text = value ?? (next === undefined || next.startsWith('-') ? 'true' : next)
    texts.set(key, [...(texts.get(key) ?? []), text])
  }
  return [...texts].map(([key, values]) => ({ key, texts: values, path, position: { line: 1, column: 1 } }))
}

function settingsOfEnvironment(environment: ReadonlyMap<string, string>, prefix: string): NodeSettings {
  const value = (name: string): string | undefined => environment.get(`${prefix}_${name}`) || undefined
  const supervisorPort = value('SUPERVISOR_PORT') ?? ''
  return {
    dataDir: value('DATA_DIR'),
    systemDefaultRegistry: value('SYSTEM_DEFAULT_REGISTRY'),
    supervisorPort: /^[0-9]{1,5}$/.test(supervisorPort) ? Number(supervisorPort) : undefined,
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
  const isAgent = service.role === 'agent'
  const entries = flagEntries(service.args, service.path ?? '')
  const named = entries.find(({ key }) => key === 'config' || key === 'c')?.texts[0]
  const configPath = service.environment.get(`${prefix}_CONFIG_FILE`) || named || `/etc/rancher/${product}/config.yaml`
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
  const settingsFrom = async (path: string, read: () => ReadSettings | Promise<ReadSettings>): Promise<NodeSettings> => {
    try {
      const { settings, warnings } = await read()
      for (const warning of warnings)
        findings.push(nodeFinding('settings-warning', path, warning, { fix: 'correct the setting, then restart K3s' }))
      return settings
    } catch (error) {
      if (!isMirrorError(error) || error.code === 'CANCELLED') throw error
      findings.push(
        nodeFinding('settings-invalid', path, `K3s does not start: ${error.message}`, { fix: error.hint ?? 'correct the file' }),
      )
      return {}
    }
  }
  if (used.length > 0 && !isUnread)
    ofFile = await settingsFrom(configPath, () => readNodeConfig(configPath, { root: files.root, isAgent, signal }))
  const flags = await settingsFrom(service.path ?? configPath, () => readSettings(isAgent ? withoutServerFlags(entries, product) : entries))
  const { dataDir, ...ofServer } = settingsOfEnvironment(service.environment, prefix)
  const own = mergeSettings(mergeSettings(isAgent && product === 'k3s' ? { dataDir } : { dataDir, ...ofServer }, ofFile), flags)
  const registries = [...(ofFile.airgapExtraRegistries ?? []), ...(flags.airgapExtraRegistries ?? [])]
  const settings: NodeSettings = { ...own, product, ...(registries.length > 0 && { airgapExtraRegistries: registries }) }
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
