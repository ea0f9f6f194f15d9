import { isMirrorError } from '../../errors.ts'
import type { K3sVersion } from '../../release/version.ts'
import { parseGoRegexp, type GoRegexp } from '../go/go-regexp.ts'
import { buildHostTable, configFor, type FoundConfig, type HostTable } from '../hosts/host-table.ts'
import { embeddedAddressOf, type K3sFlags } from '../hosts/k3s-flags.ts'
import { tryNormaliseEndpoint, type NormalisedEndpoint } from '../hosts/normalise-endpoint.ts'
import { hasFeature } from '../k3s-features.ts'
import type { ReadProblem } from '../read/decode-yaml.ts'
import type { ParsedRegistries } from '../read/parse-registries.ts'
import { noRegistries, type Mirror, type Position, type RegistryAuth, type RegistryTls } from '../registries.ts'
import type { InspectedFile } from './inspect-files.ts'
import { keyFault, type KeyFault, type Section } from './key-fault.ts'
import { readTomlKey, readTomlText } from './toml-text.ts'

/** An endpoint of a mirror as it is written, and as K3s reads it. */
export interface WrittenEndpoint {
  readonly mirror: string
  readonly text: string
  readonly position: Position
  /** Undefined for an endpoint that K3s ignores or that has no host. */
  readonly endpoint: NormalisedEndpoint | undefined
  /** `host[:port]` of the requests; undefined for an endpoint that K3s ignores. */
  readonly host: string | undefined
  /** The settings that apply to it. */
  readonly found: FoundConfig
}

/** A key of `mirrors` or `configs`. */
export interface WrittenKey {
  readonly section: Section
  readonly key: string
  readonly position: Position
  readonly fault: KeyFault | undefined
}

/** Settings under a key of `configs`. */
interface WrittenSettings {
  readonly key: string
  readonly position: Position
  /** The position of one of their fields, or of all of them. */
  readonly positionOf: (...field: readonly string[]) => Position
}

/** The `auth` of a key of `configs`. */
export interface WrittenAuth extends WrittenSettings {
  readonly auth: RegistryAuth
}

/** A file that the `tls` of a key of `configs` names. */
export interface NamedFile {
  readonly field: 'ca_file' | 'cert_file' | 'key_file'
  readonly path: string
  readonly position: Position
  /** Undefined for a file that was not inspected. */
  readonly file: InspectedFile | undefined
}

/** The `tls` of a key of `configs` with the files that it names. */
export interface WrittenTls extends WrittenSettings {
  readonly tls: RegistryTls
  readonly caFile: NamedFile | undefined
  readonly certFile: NamedFile | undefined
  readonly keyFile: NamedFile | undefined
}

/** A rewrite of a mirror: as it is written, and as containerd reads it. */
export interface WrittenRewrite {
  readonly mirror: string
  readonly pattern: string
  readonly replacement: string
  readonly position: Position
  /** The values that containerd reads, because K3s does not escape them; the written values where the result is invalid TOML. */
  readonly read: { readonly pattern: string; readonly replacement: string }
  /** False where the result is invalid TOML. */
  readonly isToml: boolean
  /** Undefined for an invalid regular expression. */
  readonly regexp: GoRegexp | undefined
  /** Why it is invalid. */
  readonly why: string
}

/** The parsed file, and what is known about the node and the TLS files. */
export interface LintInput {
  readonly parsed: ParsedRegistries
  readonly flags: K3sFlags
  /** Undefined for the newest version. */
  readonly version: K3sVersion | undefined
  /** `--system-default-registry`; undefined or empty for none. */
  readonly systemDefaultRegistry?: string | undefined
  /** The files that `tls` names, by path; undefined if they are not to be inspected. */
  readonly files: ReadonlyMap<string, InspectedFile> | undefined
  /** Permission bits of the file itself; undefined for standard input and drafts. */
  readonly mode: number | undefined
  readonly now: Date
}

/** Everything that rules check, in the file's order. Lists are empty for a file with an unreadable problem. */
export interface LintContext extends LintInput {
  /** The endpoints that K3s derives from the file with these flags. */
  readonly table: HostTable
  readonly endpoints: readonly WrittenEndpoint[]
  /** The same, without the repetitions of a list that several mirrors share through an alias. */
  readonly distinctEndpoints: readonly WrittenEndpoint[]
  /** The keys of `configs` that apply to endpoints. */
  readonly usedKeys: ReadonlySet<string | undefined>
  readonly keys: readonly WrittenKey[]
  readonly auths: readonly WrittenAuth[]
  readonly tls: readonly WrittenTls[]
  readonly namedFiles: readonly NamedFile[]
  /** By mirror; empty for a version without rewrites. */
  readonly rewrites: ReadonlyMap<string, readonly WrittenRewrite[]>
}

/** Keeps the first item of each position of the file, because an alias can put one position at several paths. */
export function oncePerPosition<T extends { readonly position: Position }>(things: Iterable<T>): readonly T[] {
  const first = new Map<string, T>()
  for (const thing of things) {
    const position = `${thing.position.line}:${thing.position.column}`
    if (!first.has(position)) first.set(position, thing)
  }
  return [...first.values()]
}

function compile(pattern: string): Pick<WrittenRewrite, 'regexp' | 'why'> {
  try {
    return { regexp: parseGoRegexp(pattern), why: '' }
  } catch (error) {
    if (!isMirrorError(error)) throw error
    // The rule's own message names the pattern too.
    const why = error.message.replace(/^"[^]*" is not a valid Go regular expression: (?:error parsing regexp: )?/, '')
    return { regexp: undefined, why }
  }
}

function readRewrite(mirror: string, [pattern, replacement]: readonly [string, string], position: Position): WrittenRewrite {
  const key = readTomlKey(`"${pattern}"`)
  const text = readTomlText(`"${replacement}"`)
  const read = { pattern: key ?? pattern, replacement: text ?? replacement }
  return { mirror, pattern, replacement, position, read, isToml: key !== undefined && text !== undefined, ...compile(read.pattern) }
}

/** The first problem after which the content of the file is unknown. The other problems leave no doubt about the value that was meant. */
export function unreadableProblem({ problems }: ParsedRegistries): ReadProblem | undefined {
  return problems.find(({ kind }) => kind === 'syntax' || kind === 'type')
}

/** Derives from a file everything that rules check. */
export function readContext(input: LintInput): LintContext {
  const { parsed, flags, version, files } = input
  const { mirrors, configs } = unreadableProblem(parsed) === undefined ? parsed.registries : noRegistries
  const embedded = embeddedAddressOf(flags)
  const endpoints = [...mirrors].flatMap(([mirror, written]) =>
    written.endpoints.map((text, index): WrittenEndpoint => {
      const normalised = tryNormaliseEndpoint(text, embedded)
      const endpoint = normalised?.host === '' ? undefined : normalised
      const position = parsed.positionOf(['mirrors', mirror, 'endpoint', index])
      return { mirror, text, position, endpoint, host: normalised?.host, found: configFor(configs, endpoint?.registry ?? '') }
    }),
  )
  const keysOf = (section: Section, names: Iterable<string>): WrittenKey[] =>
    Array.from(names, (key) => ({ section, key, position: parsed.positionOf([section, key]), fault: keyFault(key, section) }))
  const settingsOf = (key: string, kind: 'auth' | 'tls'): WrittenSettings => {
    const positionOf: WrittenSettings['positionOf'] = (...field) => parsed.positionOf(['configs', key, kind, ...field])
    return { key, position: positionOf(), positionOf }
  }
  const tls = [...configs].flatMap(([key, config]): readonly WrittenTls[] => {
    if (config.tls === undefined) return []
    const settings = settingsOf(key, 'tls')
    const named = (field: NamedFile['field'], path: string): NamedFile | undefined =>
      path === '' ? undefined : { field, path, position: settings.positionOf(field), file: files?.get(path) }
    const { caFile, certFile, keyFile } = config.tls
    const [ca, cert, own] = [named('ca_file', caFile), named('cert_file', certFile), named('key_file', keyFile)]
    return [{ ...settings, tls: config.tls, caFile: ca, certFile: cert, keyFile: own }]
  })
  const rewritesOf = ([mirror, { rewrites }]: readonly [string, Mirror]): [string, readonly WrittenRewrite[]] => [
    mirror,
    [...rewrites].map((written) => readRewrite(mirror, written, parsed.positionOf(['mirrors', mirror, 'rewrite', written[0]]))),
  ]
  return {
    ...input,
    table: buildHostTable(parsed.registries, flags),
    endpoints,
    distinctEndpoints: oncePerPosition(endpoints),
    usedKeys: new Set(endpoints.map(({ found }) => found.key)),
    keys: [...keysOf('mirrors', mirrors.keys()), ...keysOf('configs', configs.keys())],
    auths: [...configs].flatMap(([key, { auth }]) => (auth === undefined ? [] : [{ ...settingsOf(key, 'auth'), auth }])),
    tls,
    namedFiles: tls.flatMap(({ caFile, certFile, keyFile }) => [caFile, certFile, keyFile].filter((named) => named !== undefined)),
    rewrites: new Map(hasFeature(version, 'rewrite') ? [...mirrors].map(rewritesOf) : []),
  }
}
