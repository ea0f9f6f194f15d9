import { InvalidArgumentError } from 'commander'
import { isMirrorError } from '../../errors.ts'
import { isForbiddenHost } from '../../http/address.ts'
import { isRegistry } from '../../oci/reference.ts'
import type { Product } from '../../registries-yaml/hosts/k3s-flags.ts'
import { parseVersion, readRke2Version, type K3sVersion } from '../../release/version.ts'
import { collectCidrs } from './node-values.ts'

/** Collects the values of an option that may be repeated. */
export function collect(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, value]
}

/** Collects destinations. */
export function collectDestination(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, value]
}

/** Collects values that may also be separated by commas. */
export function collectList(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, ...value.split(',').map((part) => part.trim())]
}

/** Collects `<registry>=<endpoint>` by registry. */
export function collectEndpoint(value: string, previous: Record<string, string> = {}): Record<string, string> {
  const at = value.indexOf('=')
  if (at < 1 || at === value.length - 1)
    throw new InvalidArgumentError('expected <registry>=<endpoint>, as in docker.io=https://mirror.example.com')
  return { ...previous, [value.slice(0, at)]: value.slice(at + 1) }
}

/** Collects `host` and `host:port`. */
export function collectHost(value: string, previous: readonly string[] = []): readonly string[] {
  if (!isRegistry(value)) throw new InvalidArgumentError('expected host or host:port without a scheme and a path, as in 10.1.2.3:9000')
  if (isForbiddenHost(new URL(`http://${value}`).hostname))
    throw new InvalidArgumentError('link-local and cloud metadata addresses are refused')
  return [...previous, value]
}

/** The parsers of options that may be repeated. */
export const collecting: ReadonlySet<unknown> = new Set([
  collect,
  collectDestination,
  collectList,
  collectEndpoint,
  collectHost,
  collectCidrs,
])

/** A whole number of at least `least`. */
export function wholeNumber(least: number): (value: string) => number {
  return (value) => {
    if (!/^[0-9]{1,9}$/.test(value) || Number(value) < least) throw new InvalidArgumentError(`expected a whole number of at least ${least}`)
    return Number(value)
  }
}

/** A TCP port. */
export function parsePort(text: string): number {
  const port = wholeNumber(1)(text)
  if (port > 65_535) throw new InvalidArgumentError('expected a port of at most 65535')
  return port
}

/** A smaller part is a typo. */
const leastBytes = 1024 * 1024

const factors: Readonly<Record<string, number>> = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 }

/** Bytes of a size as split(1) accepts it, in powers of 1024: `4095M`, `4G`, `700MiB`. */
export function parseSize(text: string): number {
  const [, digits = '', unit = ''] = /^([0-9]{1,12})(?:([KMGT])(?:iB)?)?$/i.exec(text) ?? []
  const bytes = Number(digits) * (factors[unit.toUpperCase()] ?? 1)
  if (digits === '' || !Number.isSafeInteger(bytes))
    throw new InvalidArgumentError('expected a number of bytes, or a number with K, M or G, as in 4095M')
  if (bytes < leastBytes) throw new InvalidArgumentError('expected at least 1M')
  return bytes
}

const secondsOf: Readonly<Record<string, number>> = { w: 604_800, d: 86_400, h: 3600, m: 60, s: 1 }

/** Milliseconds of a duration as in Go, and in days and weeks: `30s`, `1h30m`, `2d`. */
export function parseDuration(text: string): number {
  if (!/^(?=[0-9])(?:[0-9]{1,4}w)?(?:[0-9]{1,5}d)?(?:[0-9]{1,4}h)?(?:[0-9]{1,5}m)?(?:[0-9]{1,7}s)?$/.test(text))
    throw new InvalidArgumentError('expected a duration, as in 30s, 1h30m or 7d')
  const parts = [...text.matchAll(/([0-9]+)([wdhms])/g)]
  const seconds = parts.reduce((sum, [, count, unit = '']) => sum + Number(count) * (secondsOf[unit] ?? 0), 0)
  if (seconds < 1) throw new InvalidArgumentError('expected at least 1s')
  return seconds * 1000
}

/** The longest time that a timer of Node can wait, in whole days. */
const mostDays = 24

/** The same of a time to wait. */
export function parseWait(text: string): number {
  const wait = parseDuration(text)
  if (wait > mostDays * 86_400_000) throw new InvalidArgumentError(`expected at most ${mostDays}d`)
  return wait
}

/** Parses `host:port`, or `:port` for every address. */
export function parseListen(value: string): { readonly host: string; readonly port: number } {
  const [, literal, name, port] = /^(?:\[([0-9a-fA-F:]+)\]|([^:\s]*)):([0-9]{1,5})$/.exec(value) ?? []
  if (/^[0-9]{1,5}$/.test(value))
    throw new InvalidArgumentError(`expected host:port: 127.0.0.1:${value} for this machine only, or :${value} for every address`)
  if (port === undefined) throw new InvalidArgumentError('expected host:port, as in 127.0.0.1:5000, or :5000 for every address')
  if (Number(port) > 65_535) throw new InvalidArgumentError('expected a port of at most 65535')
  return { host: literal ?? (name || '0.0.0.0'), port: Number(port) }
}

/** The address of a server as clients know it: scheme, host and port. */
export function parseSite(text: string): URL {
  const url = /^https?:\/\//i.test(text) && URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !isRegistry(url.host) || url.href !== `${url.origin}/`)
    throw new InvalidArgumentError(
      'expected http:// or https://, a host and perhaps a port, without a path, as in https://kits.example.com',
    )
  return url
}

/** The release of a node. */
export interface NodeVersion {
  readonly version: K3sVersion
  /** Undefined for K3s, which is the default. */
  readonly product?: Product
}

/** A version of K3s, whose `v` and `+k3s1` may be left out, or of RKE2. */
export function parseNodeVersion(text: string): NodeVersion {
  const rke2 = readRke2Version(text)
  if (rke2 !== undefined) return { version: rke2, product: 'rke2' }
  const meant = `v${text.trim().replace(/^v/, '').replace(/-rke2/, '+rke2')}`
  if (readRke2Version(meant) !== undefined) throw new InvalidArgumentError(`Did you mean ${meant}?`)
  if (/rke2/i.test(text)) throw new InvalidArgumentError('expected a release of RKE2 such as v1.36.3+rke2r1')
  try {
    const version = parseVersion(/^v?[0-9]+\.[0-9]+\.[0-9]+$/.test(text) ? `v${text.replace(/^v/, '')}+k3s1` : text)
    return { version }
  } catch (error) {
    if (!isMirrorError(error)) throw error
    const { hint = '' } = error
    throw new InvalidArgumentError(hint.startsWith('Did you mean') ? hint : 'expected a release such as v1.37.1+k3s1 or v1.36.3+rke2r1')
  }
}

/** Milliseconds of a duration that may be 0. */
export function parseGrace(text: string): number {
  return /^0[dhms]?$/.test(text) ? 0 : parseWait(text)
}
