import type { CheckedHosts } from '../node/check/check-certs.ts'
import type { CheckedImageFile } from '../node/check/check-images.ts'
import type { CheckedProxy } from '../node/check/check-node-proxies.ts'
import type { NodeFinding } from '../node/check/finding.ts'
import type { Product } from '../registries-yaml/hosts/k3s-flags.ts'
import type { ReportHead } from './report-head.ts'

/** A file of a node, and whether it could be read. */
export interface CheckedFile {
  /** The path on the node. */
  readonly path: string
  /** Whether it was read; `missing` is normal for most files. */
  readonly state: 'read' | 'missing' | 'unreadable'
}

/** The settings of a node that decide where images come from. */
export interface CheckedSettings {
  /** `server` or `agent`; null if the node has no service file. */
  readonly role: 'server' | 'agent' | null
  /** The path of config.yaml. */
  readonly config: string
  /** The path of registries.yaml. */
  readonly registries: string
  /** `--data-dir` */
  readonly dataDir: string
  /** `--system-default-registry`; null if it is not set, or only set on the server. */
  readonly systemDefaultRegistry: string | null
  /** `--airgap-extra-registry` */
  readonly airgapExtraRegistries: readonly string[]
  /** `host:port` of the embedded registry; null where it is disabled. */
  readonly embeddedRegistry: string | null
  /** `--disable-default-registry-endpoint` */
  readonly disableDefaultEndpoint: boolean
}

/** The number of findings by severity. */
export interface NodeTotals {
  /** The node does not do what its files say. */
  readonly error: number
  /** The node can fail. */
  readonly warning: number
  /** Worth knowing. */
  readonly info: number
  /** Checked and correct. */
  readonly ok: number
}

/** The document of `node check --output json`. */
export interface NodeReport extends ReportHead {
  /** The command. */
  readonly command: 'node check'
  /** The directory that holds the files of the node. */
  readonly root: string
  /** The distribution whose paths were checked. */
  readonly product: Product
  /** What the node's flags, files and variables say. */
  readonly settings: CheckedSettings
  /** Every file that was looked for. */
  readonly files: readonly CheckedFile[]
  /** The directories of certs.d, and those that are missing. */
  readonly hosts: readonly CheckedHosts[]
  /** How containerd reaches the endpoints of mirrors; empty for a node without a proxy. */
  readonly proxies: readonly CheckedProxy[]
  /** The files of the images directory. */
  readonly images: readonly CheckedImageFile[]
  /** Facts and problems, in the order of the files. */
  readonly findings: readonly NodeFinding[]
  /** True where the next start of K3s changes what the node does. */
  readonly restartNeeded: boolean
  /** The number of findings by severity. */
  readonly totals: NodeTotals
}
