import type { Digest } from './digest.ts'
import type { Platform } from './platform.ts'

/** What content is and how to recognise it; `size` in bytes: https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md */
export interface Descriptor {
  readonly mediaType: string
  readonly digest: Digest
  readonly size: number
  readonly platform?: Platform
  /** Where a foreign layer can be had outside the registry. */
  readonly urls?: readonly string[]
  /** The content itself, where it has been read and verified already. */
  readonly data?: Uint8Array
  /** Present on an attestation's entry in an index (`vnd.docker.reference.type`), among others. */
  readonly annotations?: Readonly<Record<string, string>>
}
