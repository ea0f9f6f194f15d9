import type { ErrorCode } from '../errors.ts'

/** What a connection itself found wrong, before it is known what for and with whom it was used. */
export class WireError extends Error {
  override readonly name = 'WireError'
  readonly kind: Extract<ErrorCode, 'PROTOCOL' | 'TIMEOUT' | 'CONNECTION_LOST'>
  /** Milliseconds that were waited in vain. */
  readonly waited: number

  constructor(kind: WireError['kind'], message: string, { waited = 0 }: { readonly waited?: number } = {}) {
    super(message)
    this.kind = kind
    this.waited = waited
  }
}
