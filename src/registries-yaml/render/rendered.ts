import type { K3sFlags } from '../hosts/host-table.ts'
import type { RegistryAuth } from '../registries.ts'
import type { NodeValues } from './node-values.ts'

/** The files of a node, and what has to be known of them. */
export interface RenderedConfig {
  /** Texts by path, which begins with `certs.d/` or is `config.toml`; they hold passwords. */
  readonly files: ReadonlyMap<string, string>
  /** Sentences about what the files cannot say, or say otherwise than it seems; without any secret. */
  readonly notes: readonly string[]
}

/** What is rendered beside the registries. */
export interface RenderOptions {
  readonly flags?: K3sFlags | undefined
  /** Renders the whole config.toml with these values; without it the part about registries. */
  readonly full?: NodeValues | undefined
}

/** The line that our own files begin with, where they are not K3s'. */
export const ownHeader = '# Written by k3s-mirror registries render.'

/** A URL or a key for messages, without the user and password that may stand in it; https://www.rfc-editor.org/rfc/rfc3986#section-3.2.1 */
export function withoutUserinfo(text: string): string {
  return text.replace(/^([A-Za-z][A-Za-z0-9+.-]*:\/\/)?[^]*@/, '$1***@').slice(0, 300)
}

/** A key in messages, as it is written. */
export function quoted(key: string): string {
  return `"${withoutUserinfo(key)}"`
}

/** Patterns of rewrites in messages, as they are written. */
export function quotedPatterns(patterns: Iterable<string>): string {
  return [...patterns].map((pattern) => `"${pattern.slice(0, 200)}"`).join(', ')
}

/** The name of an entry in messages: `mirrors."docker.io"`. */
export function entryName(section: 'mirrors' | 'configs', key: string): string {
  return `${section}.${quoted(key)}`
}

/** The entries of a map in the order of Go's templates: by the bytes of their keys. */
export function byKey<V>(map: ReadonlyMap<string, V>): [string, V][] {
  return [...map].toSorted(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
}

/** The fields of a configured auth that are not empty, as containerd calls them. */
export function authFields({ username, password, auth, identityToken }: RegistryAuth): ReadonlyMap<string, string> {
  return new Map(Object.entries({ username, password, auth, identitytoken: identityToken }).filter(([, value]) => value !== ''))
}
