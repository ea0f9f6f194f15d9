import { isMirrorError } from '../../errors.ts'
import { lintRegistries } from '../../registries-yaml/lint/lint.ts'
import { parseRegistries, type ParsedRegistries } from '../../registries-yaml/read/parse-registries.ts'
import { decodeRegistriesText, maxRegistriesBytes } from '../../registries-yaml/read/read-registries.ts'
import { noRegistries, type Registries } from '../../registries-yaml/registries.ts'
import { privateRegistryPath, type NodeSettings } from '../node-settings.ts'
import { counted, nodeFinding, type NodeFinding } from './finding.ts'
import { unreadableFinding, type NodeFile, type NodeFiles } from './node-files.ts'

/** The registries.yaml of a node. */
export interface CheckedRegistries {
  readonly path: string
  /** Undefined for a file with which K3s does not start, or that was not read. */
  readonly registries: Registries | undefined
  /** Undefined without a file. */
  readonly file: NodeFile | undefined
  readonly findings: readonly NodeFinding[]
}

/** Reads and lints the registries.yaml of a node, with the TLS files that it names. */
export async function checkRegistries(files: NodeFiles, settings: NodeSettings, signal?: AbortSignal): Promise<CheckedRegistries> {
  const path = privateRegistryPath(settings)
  const lint = async (parsed: ParsedRegistries, mode?: number): Promise<NodeFinding[]> => {
    const found = await lintRegistries(parsed, { ...settings, mode, locate: (at) => files.locate(at), signal })
    return found.map(({ rule, severity, position, message, fix }) => ({ id: rule, severity, path, ...position, message, fix }))
  }
  const file = await files.read(path, maxRegistriesBytes)
  if (typeof file === 'string') {
    const unread = unreadableFinding(path, file)
    if (unread !== undefined) return { path, registries: undefined, file: undefined, findings: [unread] }
    const pulls = 'does not exist: nodes pull every image from its own registry'
    const fix = 'create the file, or remove private-registry'
    const missing =
      settings.privateRegistry === undefined
        ? nodeFinding('registries-missing', path, pulls)
        : nodeFinding('private-registry-missing', path, `private-registry names this file, which ${pulls}`, { fix })
    const findings = await lint(parseRegistries('', path))
    return { path, registries: noRegistries, file: undefined, findings: [missing, ...findings] }
  }
  let text: string
  try {
    text = decodeRegistriesText(file.bytes, path)
  } catch (error) {
    if (!isMirrorError(error)) throw error
    const finding = nodeFinding('registries-invalid', path, `K3s does not start: ${error.message}`, { fix: 'restore the file' })
    return { path, registries: undefined, file, findings: [finding] }
  }
  const parsed = parseRegistries(text, path)
  const findings = await lint(parsed, file.mode)
  if (parsed.problems.length > 0) return { path, registries: undefined, file, findings }
  const { mirrors, configs } = parsed.registries
  const read = nodeFinding('registries-read', path, `K3s reads ${counted(mirrors.size, 'mirror')} and ${counted(configs.size, 'config')}`)
  return { path, registries: parsed.registries, file, findings: [read, ...findings] }
}
