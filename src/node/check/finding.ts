/** How much a finding matters. Error: the node does not do what its files say. Warning: it can fail. Info: worth knowing. Ok: checked and correct. */
export type NodeSeverity = 'ok' | 'info' | 'warning' | 'error'

/** Every finding by its id, which never changes, with its severity; rules of `registries lint` have their own ids. */
export const nodeFindings = {
  'k3s-not-found': 'error',
  'other-product': 'warning',
  unreadable: 'warning',
  'settings-invalid': 'error',
  'settings-warning': 'warning',
  'settings-read': 'ok',
  'settings-newer': 'info',
  'settings-unknown': 'info',
  'several-services': 'info',
  'old-version': 'info',
  'registries-missing': 'info',
  'private-registry-missing': 'warning',
  'registries-invalid': 'error',
  'registries-read': 'ok',
  'certs-same': 'ok',
  'certs-changed': 'error',
  'certs-missing': 'error',
  'certs-left-over': 'error',
  'certs-foreign-kept': 'warning',
  'certs-foreign-replaced': 'warning',
  'certs-invalid': 'error',
  'certs-shadowed': 'error',
  'certs-empty-directory': 'warning',
  'config-missing': 'error',
  'config-invalid': 'error',
  'config-same': 'ok',
  'config-changed': 'error',
  'config-version-changed': 'info',
  'config-foreign': 'warning',
  'pause-image-changed': 'error',
  'credentials-changed': 'error',
  'credentials-missing': 'error',
  'credentials-left-over': 'warning',
  'mirrors-with-config-path': 'error',
  'template-used': 'ok',
  'template-ignored': 'warning',
  'template-newer': 'info',
  'template-without-auth': 'error',
  'template-without-config-path': 'error',
  'template-repeats-section': 'error',
  'drop-in-invalid': 'error',
  'drop-in-config-path': 'error',
  'drop-in-registry': 'warning',
  'drop-in-ignored': 'warning',
  'drop-in-newer': 'info',
  'proxy-used': 'info',
  'proxy-covers-endpoint': 'warning',
  'proxy-invalid': 'error',
  'embedded-registry-from-server': 'info',
  'embedded-registry-certificates': 'error',
  'embedded-registry-certificates-valid': 'ok',

  'system-default-registry': 'info',
  'image-archive-imported': 'ok',
  'image-archive-unchanged': 'ok',
  'image-archive-changed': 'info',
  'image-archive-reimported': 'info',
  'image-archive-unknown-names': 'info',
  'image-archive-unreadable': 'error',
  'image-archive-compression': 'error',
  'image-archive-without-names': 'warning',
  'image-file-ignored': 'info',
  'image-list': 'ok',
  'image-list-invalid': 'warning',
  'image-cache-invalid': 'warning',
  'image-cache-stale': 'info',
} as const

/** The id of a finding that is not of a lint rule. */
export type NodeFindingId = keyof typeof nodeFindings

/** One fact about a node, described without secrets. */
export interface NodeFinding {
  /** One of `nodeFindings`, or the rule of `registries lint`; never renamed. */
  readonly id: string
  /** How much it matters. */
  readonly severity: NodeSeverity
  /** The file or directory on the node, without the root. */
  readonly path: string
  /** Starts at 1; present for a position in the file. */
  readonly line?: number
  /** Starts at 1; present for a position in the file. */
  readonly column?: number
  /** The text for people. */
  readonly message: string
  /** What to do: an imperative in lower case. Absent where nothing has to be done. */
  readonly fix?: string
  /** True where the next start of K3s changes what the node does. */
  readonly restart?: true
}

/** What a finding says in addition to its message. */
export interface FindingDetails {
  readonly fix?: string | undefined
  readonly restart?: boolean | undefined
}

/** A finding with the severity of its id. */
export function nodeFinding(id: NodeFindingId, path: string, message: string, { fix, restart }: FindingDetails = {}): NodeFinding {
  return {
    id,
    severity: nodeFindings[id],
    path,
    message,
    ...(fix !== undefined && { fix }),
    ...(restart === true && { restart }),
  }
}

/** A number with its noun: `1 image`, `2 images`. */
export function counted(count: number, one: string, many: string = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}
