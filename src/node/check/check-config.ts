import { posix } from 'node:path'
import { quotedKey, type ConfigVersion } from '../../registries-yaml/render/rendered.ts'
import { escaped, quoted } from '../../text/printable.ts'
import { templateNames, readTemplate, type TemplateFacts } from './config-template.ts'
import { counted, nodeFinding, type NodeFinding } from './finding.ts'
import { unreadableFinding, type NodeFile, type NodeFiles } from './node-files.ts'
import { readRegistrySection, type RegistrySection } from './registry-section.ts'

/** What is known about config.toml, apart from its files. */
export interface ConfigInput {
  /** The directory of config.toml on the node. */
  readonly directory: string
  /** The directory certs.d on the node. */
  readonly certs: string
  /** The header of K3s' own files. */
  readonly header: string
  /** The registry section that K3s' own template would write now; undefined if it is invalid TOML, or unknown. */
  readonly wanted: RegistrySection | undefined
  /** The version that K3s writes without a template. */
  readonly version: ConfigVersion
  readonly template: FoundTemplate | undefined
}

/** The template that K3s uses. */
export interface FoundTemplate {
  readonly path: string
  readonly version: ConfigVersion
  readonly file: NodeFile
}

const restartFix = 'restart K3s, which writes config.toml when it starts'
const useBase = 'begin the template with {{ template "base" . }} and add only your own sections, then restart K3s'
const mostNamed = 5

/** Keys of registries in a message. */
function named(keys: readonly string[]): string {
  const more = keys.length > mostNamed ? ` and ${keys.length - mostNamed} more` : ''
  return `${keys
    .slice(0, mostNamed)
    .map((key) => escaped(quotedKey(key)))
    .join(', ')}${more}`
}

/** Finds the template that K3s uses: the first one that exists. K3s before containerd 2 knows only the second name. */
export async function findTemplate(
  files: NodeFiles,
  directory: string,
  knowsVersion3: boolean,
): Promise<{ readonly template: FoundTemplate | undefined; readonly findings: readonly NodeFinding[] }> {
  const findings: NodeFinding[] = []
  let template: FoundTemplate | undefined
  for (const [name, version] of templateNames) {
    const path = posix.join(directory, name)
    const file = await files.read(path)
    if (typeof file === 'string') {
      const unread = unreadableFinding(path, file)
      if (unread !== undefined) findings.push(unread)
    } else if (template === undefined && (version === 2 || knowsVersion3)) template = { path, version, file }
    else {
      const why =
        template === undefined ? 'this version of K3s uses only config.toml.tmpl' : `K3s uses ${posix.basename(template.path)} instead`
      findings.push(
        nodeFinding('template-ignored', path, `has no effect: ${why}`, {
          fix: 'move its settings to the template that K3s uses, and remove it',
        }),
      )
    }
  }
  return { template, findings }
}

function checkTemplate({ path, version }: FoundTemplate, facts: TemplateFacts, wanted: RegistrySection | undefined): NodeFinding[] {
  const findings: NodeFinding[] = []
  const keys = [...(wanted?.credentials.keys() ?? [])]
  const repeated = facts.literalKeys.filter((key) => keys.includes(key))
  const dropped = facts.hasAuth ? [] : keys.filter((key) => !facts.literalKeys.includes(key))
  if (facts.hasBase && (facts.hasSection || repeated.length > 0)) {
    findings.push(
      nodeFinding(
        'template-repeats-section',
        path,
        'repeats a section of the registry that its "base" already contains: config.toml is invalid TOML, and containerd does not start',
        {
          fix: 'remove the registry sections from the template and use registries.yaml',
          restart: true,
        },
      ),
    )
  }
  if (dropped.length > 0) {
    findings.push(
      nodeFinding(
        'template-without-auth',
        path,
        `leaves out the credentials of registries.yaml: pulls from ${named(dropped)} are anonymous`,
        { fix: useBase, restart: true },
      ),
    )
  }
  if (!facts.hasBase && facts.configPath !== 'own') {
    const what = facts.configPath === 'none' ? 'does not set config_path' : 'sets config_path to another directory'
    findings.push(
      nodeFinding(
        'template-without-config-path',
        path,
        `${what}: containerd does not read certs.d, and ignores the mirrors of registries.yaml`,
        { fix: useBase, restart: true },
      ),
    )
  }
  if (findings.length === 0)
    findings.push(
      nodeFinding('template-used', path, `K3s makes a config.toml of version ${version} from this template, with the registry section`),
    )
  return findings
}

/** The credentials that K3s would write now, and the keys whose credentials are written in the template. */
function wantedCredentials(wanted: RegistrySection, facts: TemplateFacts | undefined): ReadonlyMap<string, string> {
  return facts?.hasAuth === false ? new Map() : wanted.credentials
}

function compareCredentials(
  path: string,
  existing: RegistrySection,
  wanted: RegistrySection,
  facts: TemplateFacts | undefined,
): NodeFinding[] {
  const now = wantedCredentials(wanted, facts)
  const isComparable = (key: string): boolean => facts?.literalKeys.includes(key) !== true
  const keys = [...now.keys()].filter(isComparable)
  const missing = keys.filter((key) => !existing.credentials.has(key))
  const changed = keys.filter((key) => existing.credentials.has(key) && existing.credentials.get(key) !== now.get(key))
  const leftOver = [...existing.credentials.keys()].filter((key) => isComparable(key) && !now.has(key))
  const details = { fix: restartFix, restart: true }
  return [
    ...(missing.length === 0
      ? []
      : [
          nodeFinding(
            'credentials-missing',
            path,
            `the credentials of ${named(missing)} are missing: containerd pulls from there without them until K3s restarts`,
            details,
          ),
        ]),
    ...(changed.length === 0
      ? []
      : [
          nodeFinding(
            'credentials-changed',
            path,
            `the credentials of ${named(changed)} differ: containerd uses the earlier ones until K3s restarts`,
            details,
          ),
        ]),
    ...(leftOver.length === 0
      ? []
      : [
          nodeFinding(
            'credentials-left-over',
            path,
            `has credentials of ${named(leftOver)} that K3s would not write now: containerd uses them until K3s restarts`,
            details,
          ),
        ]),
  ]
}

function compareConfig(
  path: string,
  text: string,
  existing: RegistrySection,
  { certs, header, wanted, version, template }: ConfigInput,
  facts: TemplateFacts | undefined,
): NodeFinding[] {
  const findings: NodeFinding[] = []
  if (template === undefined && !text.startsWith(header))
    findings.push(
      nodeFinding('config-foreign', path, 'was not written by K3s, which replaces it when it starts', {
        fix: 'move the settings to a drop-in or a template',
        restart: true,
      }),
    )
  const next = template?.version ?? version
  if (existing.version !== next) {
    const was = existing.version === undefined ? 'declares no version' : `has version ${existing.version}`
    findings.push(nodeFinding('config-version-changed', path, `${was}; K3s writes version ${next} when it starts`, { restart: true }))
  }
  const expected = facts === undefined || facts.configPath === 'own' ? certs : undefined
  if (expected !== undefined && existing.configPath !== expected) {
    const now = existing.configPath === undefined ? 'is not set' : `is ${quoted(existing.configPath)}`
    findings.push(
      nodeFinding(
        'config-changed',
        path,
        `config_path ${now}; K3s would write ${quoted(expected)}: containerd does not read the certs.d that K3s writes`,
        { fix: restartFix, restart: true },
      ),
    )
  }
  if (existing.hasMirrors && existing.configPath !== undefined)
    findings.push(
      nodeFinding(
        'mirrors-with-config-path',
        path,
        'has mirrors in the old syntax and a config_path: containerd does not start with both',
        { fix: 'move the mirrors to registries.yaml' },
      ),
    )
  if (wanted !== undefined) findings.push(...compareCredentials(path, existing, wanted, facts))
  return findings
}

/** Compares the registry section of config.toml with what K3s would write now, and checks its template. */
export async function checkConfig(
  files: NodeFiles,
  input: ConfigInput,
): Promise<{
  readonly config: RegistrySection | undefined
  readonly file: NodeFile | undefined
  readonly findings: readonly NodeFinding[]
}> {
  const { directory, certs, template, wanted } = input
  const path = posix.join(directory, 'config.toml')
  const facts = template && readTemplate(template.file.text, certs)
  const ofTemplate = template === undefined || facts === undefined ? [] : checkTemplate(template, facts, wanted)
  const file = await files.read(path)
  if (typeof file === 'string') {
    const unread = unreadableFinding(path, file)
    const missing = nodeFinding('config-missing', path, 'does not exist: K3s has not started with this data directory', {
      fix: 'start K3s, or correct data-dir',
      restart: true,
    })
    return { config: undefined, file: undefined, findings: [unread ?? missing, ...ofTemplate] }
  }
  const config = readRegistrySection(file.text)
  if (config === undefined) {
    const invalid = nodeFinding('config-invalid', path, 'is invalid TOML: containerd does not start', {
      fix: template === undefined ? restartFix : 'correct the template, then restart K3s',
      restart: true,
    })
    return { config, file, findings: [invalid, ...ofTemplate] }
  }
  const found = compareConfig(path, file.text, config, input, facts)
  const same = nodeFinding(
    'config-same',
    path,
    `the registry section is what K3s would write now, with the credentials of ${counted(config.credentials.size, 'registry', 'registries')}`,
  )
  return { config, file, findings: [...(found.length === 0 ? [same] : found), ...ofTemplate] }
}
