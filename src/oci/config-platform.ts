import { isUnknownPlatform, type Platform } from './platform.ts'

/** The platform that an image's config names, undefined where it names none or `unknown/unknown`: https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md#properties */
export function platformOf(config: Uint8Array): Platform | undefined {
  let document: Readonly<Partial<Record<'os' | 'architecture' | 'variant' | 'os.version', unknown>>> | null
  try {
    document = JSON.parse(Buffer.from(config).toString('utf8')) as typeof document
  } catch {
    return undefined
  }
  const { os, architecture, variant, 'os.version': osVersion } = document ?? {}
  if (typeof os !== 'string' || typeof architecture !== 'string' || os === '' || isUnknownPlatform({ os, architecture })) return undefined
  return {
    os,
    architecture,
    ...(typeof variant === 'string' && variant !== '' && { variant }),
    ...(typeof osVersion === 'string' && osVersion !== '' && { osVersion }),
  }
}
