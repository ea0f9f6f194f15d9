import { configFor, type FoundConfig } from '../hosts/host-table.ts'
import { tryNormaliseEndpoint, type NormalisedEndpoint } from '../hosts/normalise-endpoint.ts'
import type { Position, RegistryConfig } from '../registries.ts'
import { keyFault, type KeyFault } from './key-fault.ts'
import { oncePerFile } from './once-per-file.ts'
import type { LintContext } from './rule.ts'

/** An endpoint of a mirror as it is written, with what K3s makes of it. */
export interface WrittenEndpoint {
  /** The key of `mirrors`. */
  readonly mirror: string
  readonly index: number
  readonly text: string
  readonly position: Position
  /** Undefined for what K3s passes over, and what names no host. */
  readonly endpoint: NormalisedEndpoint | undefined
  /** `host[:port]` that is talked to; undefined for what K3s passes over. */
  readonly host: string | undefined
  /** The settings that it gets. */
  readonly found: FoundConfig
}

/** A key of `mirrors` or `configs`. */
export interface WrittenKey {
  readonly section: 'mirrors' | 'configs'
  readonly key: string
  readonly position: Position
  readonly fault: KeyFault | undefined
}

/** Every endpoint in the file's order; none of a file that K3s does not start with. */
export const writtenEndpoints: (context: LintContext) => readonly WrittenEndpoint[] = oncePerFile(({ parsed, flags }) => {
  if (parsed.problems.length > 0) return []
  const { mirrors, configs } = parsed.registries
  return [...mirrors].flatMap(([mirror, { endpoints }]) =>
    endpoints.map((text, index): WrittenEndpoint => {
      const normalised = tryNormaliseEndpoint(text, flags.embeddedRegistry)
      const endpoint = normalised?.host === '' ? undefined : normalised
      return {
        mirror,
        index,
        text,
        position: parsed.positionOf(['mirrors', mirror, 'endpoint', index]),
        endpoint,
        host: normalised?.host,
        found: configFor(configs, endpoint?.registry ?? ''),
      }
    }),
  )
})

/** The same, but a list that several mirrors share through an alias only once. */
export function placesOfEndpoints(context: LintContext): readonly WrittenEndpoint[] {
  return oncePerPlace(writtenEndpoints(context))
}

/** Every key of `mirrors` and `configs`; none of a file that K3s does not start with. */
export const writtenKeys: (context: LintContext) => readonly WrittenKey[] = oncePerFile(({ parsed }) => {
  if (parsed.problems.length > 0) return []
  const { mirrors, configs } = parsed.registries
  const keysOf = (section: 'mirrors' | 'configs', names: Iterable<string>): readonly WrittenKey[] =>
    [...names].map((key) => ({ section, key, position: parsed.positionOf([section, key]), fault: keyFault(key) }))
  return [...keysOf('mirrors', mirrors.keys()), ...keysOf('configs', configs.keys())]
})

/** The first of what stands in one place of the file, which an alias can be in several. */
export function oncePerPlace<T extends { readonly position: Position }>(things: readonly T[]): readonly T[] {
  const places = new Map<string, T>()
  for (const thing of things) {
    const place = `${thing.position.line}:${thing.position.column}`
    if (!places.has(place)) places.set(place, thing)
  }
  return [...places.values()]
}

/** True where anything is configured for a host, credentials or TLS. */
export function hasAnySettings({ auth, tls }: RegistryConfig): boolean {
  return auth !== undefined || tls !== undefined
}
