/** TLS of one origin, PEM text. */
export interface TlsSettings {
  /** Authorities trusted beside the system's. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly insecureSkipVerify?: boolean
}
