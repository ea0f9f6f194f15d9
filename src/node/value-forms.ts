import { isIP } from 'node:net'
import { isRegistry, isRepositoryPath } from '../oci/reference.ts'

/** True for `address/bits`: https://pkg.go.dev/net#ParseCIDR */
export function isCidr(text: string): boolean {
  const [address = '', bits = '', ...others] = text.split('/')
  const version = address.includes('%') ? 0 : isIP(address)
  return others.length === 0 && version > 0 && /^(?:0|[1-9][0-9]{0,2})$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128)
}

/** True for `host[:port][/path]`, which `--system-default-registry` puts before the path of an image. */
export function isSystemRegistry(text: string): boolean {
  const [host = '', ...path] = text.split('/')
  return isRegistry(host) && (path.length === 0 || isRepositoryPath(path.join('/')))
}
