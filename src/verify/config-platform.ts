import type { Platform } from '../oci/platform.ts'

/** The platform that an image's config names: https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md#properties */
export function platformOf(config: Uint8Array): Platform | undefined {
  let document: { readonly os?: unknown; readonly architecture?: unknown; readonly variant?: unknown } | null
  try {
    document = JSON.parse(Buffer.from(config).toString('utf8')) as typeof document
  } catch {
    return undefined
  }
  const { os, architecture, variant } = document ?? {}
  if (typeof os !== 'string' || typeof architecture !== 'string' || os === '') return undefined
  return { os, architecture, ...(typeof variant === 'string' && variant !== '' && { variant }) }
}
