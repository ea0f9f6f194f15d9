import { posix } from 'node:path'
import type { ConfigVersion } from '../../registries-yaml/render/rendered.ts'
import { quoted } from '../../text/printable.ts'
import { counted, nodeFinding, type NodeFinding } from './finding.ts'
import { notRead, unreadableFinding, type NodeFile, type NodeFiles } from './node-files.ts'
import { readRegistrySection, type RegistrySection } from './registry-section.ts'

const mostFiles = 200

/** What is known about config.toml. */
export interface DropInInput {
  /** The directory of config.toml on the node. */
  readonly directory: string
  readonly certs: string
  /** The version of the config.toml that K3s writes. */
  readonly version: ConfigVersion
  /** The existing config.toml; undefined if it is missing or invalid. */
  readonly config: RegistrySection | undefined
  /** True for a file that is newer than config.toml. */
  readonly isNewer: (file: NodeFile) => boolean
}

function checkSection(path: string, section: RegistrySection, { certs, config }: DropInInput): NodeFinding[] {
  const { configPath, hasMirrors, credentials } = section
  const findings: NodeFinding[] = []
  if (configPath !== undefined && configPath !== certs) {
    const message = `sets config_path to ${quoted(configPath)}: containerd ignores the certs.d that K3s writes, and the mirrors of registries.yaml`
    findings.push(
      nodeFinding('drop-in-config-path', path, message, { fix: 'remove config_path from this file, then restart K3s', restart: true }),
    )
  }
  if (hasMirrors && (configPath ?? config?.configPath ?? certs) !== '') {
    const message = 'has mirrors in the old syntax, and K3s sets config_path: containerd does not start with both'
    findings.push(
      nodeFinding('mirrors-with-config-path', path, message, {
        fix: 'move the mirrors to registries.yaml, then restart K3s',
        restart: true,
      }),
    )
  }
  if (credentials.size > 0) {
    const message = `sets the credentials of ${counted(credentials.size, 'registry', 'registries')}, which override those of registries.yaml`
    findings.push(nodeFinding('drop-in-registry', path, message, { fix: 'move the credentials to registries.yaml' }))
  }
  return findings
}

/** Checks the files that config.toml imports: https://docs.k3s.io/advanced#configuring-containerd */
export async function checkDropIns(files: NodeFiles, input: DropInInput): Promise<readonly NodeFinding[]> {
  const { directory, version, config } = input
  const findings: NodeFinding[] = []
  for (const [name, of] of [
    ['config-v3.toml.d', 3],
    ['config.toml.d', 2],
  ] as const) {
    const place = posix.join(directory, name)
    const entries = await files.list(place)
    if (typeof entries === 'string') {
      const unread = unreadableFinding(place, entries)
      if (unread !== undefined) findings.push(unread)
      continue
    }
    const pattern = posix.join(place, '*.toml')
    const isImported = of === version && config?.imports.includes(pattern) !== false
    for (const { name: file } of entries.filter((entry) => entry.name.endsWith('.toml')).slice(0, mostFiles)) {
      const path = posix.join(place, file)
      if (!isImported) {
        const why = of === version ? 'config.toml does not import it' : `K3s writes a config.toml of version ${version}`
        const fix =
          of === version
            ? 'update K3s, or add the directory to the imports of the template'
            : `move it to ${version === 3 ? 'config-v3.toml.d' : 'config.toml.d'}`
        findings.push(nodeFinding('drop-in-ignored', path, `has no effect: ${why}`, { fix }))
        continue
      }
      const read = await files.read(path)
      if (typeof read === 'string') {
        const unread = unreadableFinding(path, read)
        if (unread !== undefined) findings.push(unread)
        continue
      }
      const section = readRegistrySection(read.text)
      const invalid = nodeFinding('drop-in-invalid', path, 'is invalid TOML: containerd does not start', {
        fix: 'correct or remove the file',
      })
      findings.push(...(section === undefined ? [invalid] : checkSection(path, section, input)))
      if (input.isNewer(read)) findings.push(nodeFinding('drop-in-newer', path, notRead, { fix: 'restart K3s', restart: true }))
    }
  }
  return findings
}
