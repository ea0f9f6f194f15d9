import { embeddedAddressOf, nodePaths } from '../../registries-yaml/hosts/k3s-flags.ts'
import { pemCertificates } from '../../registries-yaml/tls-files.ts'
import type { NodeSettings } from '../node-settings.ts'
import { nodeFinding, type NodeFinding } from './finding.ts'
import { unreadableFinding, type NodeFiles } from './node-files.ts'

/** The address in the hosts.toml files of nodes whose server enables the embedded registry. */
const embeddedLine =
  /^\[host\."https:\/\/((?:127\.0\.0\.1|\[::1\]):\d+)\/v2"\]\n(?:(?!\[)[^\n]*\n)*? {2}client = \[\["[^"]*\/agent\/client-(?:k3s|rke2)-controller\.crt"/m

/** The address of the embedded registry in a hosts.toml that K3s wrote; undefined for others. An agent learns from its server that it is enabled. */
export function embeddedAddressIn(hostsToml: string): string | undefined {
  return embeddedLine.exec(hostsToml)?.[1]
}

/** Checks the certificates with which nodes authenticate to each other. */
export async function checkEmbeddedRegistry(files: NodeFiles, settings: NodeSettings): Promise<readonly NodeFinding[]> {
  if (settings.embeddedRegistry !== true) return []
  const findings: NodeFinding[] = []
  const { caFile, certFile, keyFile } = nodePaths(settings).embeddedTls
  for (const [file, isKey] of [
    [caFile, false],
    [certFile, false],
    [keyFile, true],
  ] as const) {
    const read = await files.read(file)
    if (typeof read === 'string') {
      const missing = nodeFinding('embedded-registry-certificates', file, 'does not exist: the node cannot ask other nodes for images', {
        fix: 'restart K3s, which writes the file',
        restart: true,
      })
      findings.push(unreadableFinding(file, read) ?? missing)
    } else if (
      isKey
        ? !/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(read.text)
        : pemCertificates(read.text).every(({ certificate }) => certificate === undefined)
    ) {
      const message = `contains no valid PEM ${isKey ? 'private key' : 'certificate'}: the node cannot ask other nodes for images`
      findings.push(
        nodeFinding('embedded-registry-certificates', file, message, { fix: 'restart K3s, which writes the file', restart: true }),
      )
    }
  }
  const ready = nodeFinding(
    'embedded-registry-certificates-valid',
    caFile,
    `the node can ask other nodes for images, through ${embeddedAddressOf(settings)}`,
  )
  return findings.length > 0 ? findings : [ready]
}
