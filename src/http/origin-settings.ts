/** TLS of one origin, PEM text. */
export interface TlsSettings {
  /** Authorities trusted beside the system's. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly insecureSkipVerify?: boolean
}

/** How one origin (scheme, host and port) is talked to. */
export interface OriginSettings {
  readonly tls?: TlsSettings | undefined
}

/** Finds the settings of an origin, `https://host:port` with the default port left out. */
export type OriginSettingsLookup = (origin: string) => OriginSettings
