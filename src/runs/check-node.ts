import { checkNodeFiles } from '../node/check/check-node-files.ts'
import type { NodeFinding, NodeSeverity } from '../node/check/finding.ts'
import { NodeFiles } from '../node/check/node-files.ts'
import { privateRegistryPath } from '../node/node-settings.ts'
import { embeddedAddressOf, nodePaths, type Product } from '../registries-yaml/hosts/k3s-flags.ts'
import type { K3sVersion } from '../release/version.ts'
import type { NodeReport } from '../report/node-report.ts'
import { reportHead } from '../report/report-head.ts'
import { checkOptions } from './check-options.ts'

/** Which node is checked. */
export interface CheckNodeOptions {
  /** The directory that holds a copy of the node's files; default: `/`. */
  readonly root?: string | undefined
  /** Default: k3s. */
  readonly product?: Product | undefined
  /** The version that the node runs; default: the newest. */
  readonly k3sVersion?: K3sVersion | undefined
  readonly signal?: AbortSignal | undefined
}

/** Texts about RKE2 with its own name; both share the code. */
function inWordsOf(product: Product, finding: NodeFinding): NodeFinding {
  if (product === 'k3s') return finding
  const { message, fix } = finding
  return { ...finding, message: message.replaceAll('K3s', 'RKE2'), ...(fix !== undefined && { fix: fix.replaceAll('K3s', 'RKE2') }) }
}

/** Findings of one file together, files in the order of their first finding. */
function byPath(findings: readonly NodeFinding[]): readonly NodeFinding[] {
  const paths = [...new Set(findings.map(({ path }) => path))]
  return findings.toSorted((a, b) => paths.indexOf(a.path) - paths.indexOf(b.path))
}

/** Reads every file of a node that decides where images come from, and reports what differs from what K3s would write now. Throws USAGE for a root that is not a directory. */
export async function checkNode(options: CheckNodeOptions = {}): Promise<NodeReport> {
  checkOptions(options)
  const { root = '/', product = 'k3s', k3sVersion: version, signal } = options
  const startedAt = new Date().toISOString()
  const files = await NodeFiles.open(root, signal)
  const { settings, configPath, role, hosts, proxies, images, findings } = await checkNodeFiles(files, { product, version, signal })
  const count = (wanted: NodeSeverity): number => findings.filter(({ severity }) => severity === wanted).length
  return {
    ...reportHead(startedAt),
    command: 'node check',
    root,
    product,
    settings: {
      role: role ?? null,
      config: configPath,
      registries: privateRegistryPath(settings),
      dataDir: nodePaths(settings).data,
      systemDefaultRegistry: settings.systemDefaultRegistry || null,
      airgapExtraRegistries: settings.airgapExtraRegistries ?? [],
      embeddedRegistry: embeddedAddressOf(settings) ?? null,
      disableDefaultEndpoint: settings.disableDefaultEndpoint === true,
    },
    files: [...files.asked].map(([path, state]) => ({ path, state })),
    hosts,
    proxies,
    images,
    findings: byPath(findings).map((finding) => inWordsOf(product, finding)),
    restartNeeded: findings.some(({ restart }) => restart === true),
    totals: { error: count('error'), warning: count('warning'), info: count('info'), ok: count('ok') },
  }
}
