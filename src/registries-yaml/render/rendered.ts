import { generatedHeader, type K3sFlags } from '../hosts/k3s-flags.ts'
import type { RegistryAuth } from '../registries.ts'
import type { NodeValues } from './node-values.ts'

/** The files of a node, and notes about them. */
export interface RenderedConfig {
  /** Texts by path, which is `config.toml` or begins with `certs.d/`. They contain passwords. */
  readonly files: ReadonlyMap<string, string>
  /** Sentences about unexpected effects of the files, without secrets. */
  readonly notes: readonly string[]
}

/** Options of all formats. */
export interface RenderOptions {
  readonly flags?: K3sFlags | undefined
  /** Values for a whole config.toml; default: render only the registry section. */
  readonly full?: NodeValues | undefined
}

/** The version of containerd's configuration file: 3 for containerd 2, 2 for containerd 1. */
export type ConfigVersion = 2 | 3

/** The first line of files in another format than K3s' own. */
export const ownHeader = '# Written by k3s-mirror registries render.'
/** The first lines of all files that a node or render writes. */
export const generatedHeaders: readonly string[] = [generatedHeader({}), generatedHeader({ product: 'rke2' }), ownHeader]

/** All lines that can be in K3s' registry section, which has no header. The second one is always present. */
const sectionLine =
  /^(?:|\[plugins\.["']io\.containerd\.(?:grpc\.v1\.cri|cri\.v1\.images)["']\.registry(?:\.configs\..*\.auth)?\]| {2}(?:config_path|username|password|auth|identitytoken) = ".*")$/

/** True for a hosts.toml or config.toml that K3s or render wrote, which can be overwritten without losing manual changes. */
export function isGenerated(text: string): boolean {
  const lines = text.split('\n')
  const [first = '', second] = lines
  // In a config.toml K3s' line continues with a sentence about templates.
  if (generatedHeaders.some((header) => first === header || first.startsWith(`${header} `))) return true
  return /^ {2}config_path = ".*\/agent\/etc\/containerd\/certs\.d"$/.test(second ?? '') && lines.every((line) => sectionLine.test(line))
}

/** A URL or a key for messages, without user and password: https://www.rfc-editor.org/rfc/rfc3986#section-3.2.1 */
export function withoutUserinfo(text: string): string {
  return text.replace(/^([A-Za-z][A-Za-z0-9+.-]*:\/\/)?[^]*@/, '$1***@').slice(0, 300)
}

/** A key in messages, as it is written. */
export function quotedKey(key: string): string {
  return `"${withoutUserinfo(key)}"`
}

/** Patterns of rewrites in messages, as they are written. */
export function quotedPatterns(patterns: Iterable<string>): string {
  return [...patterns].map((pattern) => `"${pattern.slice(0, 200)}"`).join(', ')
}

/** The name of an entry in messages: `mirrors."docker.io"`. */
export function entryName(section: 'mirrors' | 'configs', key: string): string {
  return `${section}.${quotedKey(key)}`
}

/** The entries of a map in the order of Go's templates: by the bytes of their keys. */
export function byKey<V>(map: ReadonlyMap<string, V>): [string, V][] {
  return [...map].toSorted(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
}

/** The non-empty fields of an auth, by containerd's names. */
export function containerdAuth({ username, password, auth, identityToken }: RegistryAuth): ReadonlyMap<string, string> {
  return new Map(Object.entries({ username, password, auth, identitytoken: identityToken }).filter(([, value]) => value !== ''))
}
