import { isIP } from 'node:net'

/** True for `address/bits`: https://pkg.go.dev/net#ParseCIDR */
export function isCidr(text: string): boolean {
  const [address = '', bits = '', ...others] = text.split('/')
  const version = address.includes('%') ? 0 : isIP(address)
  return others.length === 0 && version > 0 && /^(?:0|[1-9][0-9]{0,2})$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128)
}
