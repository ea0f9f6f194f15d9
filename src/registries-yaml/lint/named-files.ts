import type { Position, RegistryTls } from '../registries.ts'
import type { InspectedFile } from './inspect-files.ts'
import type { LintContext } from './rule.ts'

/** A key below `tls` that names a file. */
export type FileField = 'ca_file' | 'cert_file' | 'key_file'

/** A file that the `tls` of a host names. */
export interface NamedFile {
  /** The key of `configs`. */
  readonly host: string
  readonly field: FileField
  readonly path: string
  readonly position: Position
  /** Undefined where it was not looked at. */
  readonly file: InspectedFile | undefined
}

/** The `tls` of a host with the files that it names. */
export interface WrittenTls {
  readonly host: string
  readonly tls: RegistryTls
  readonly ca: NamedFile | undefined
  readonly cert: NamedFile | undefined
  readonly key: NamedFile | undefined
}

/** Every `tls` of the file; none of a file that K3s does not start with. */
export function writtenTls({ parsed, files }: LintContext): readonly WrittenTls[] {
  if (parsed.problems.length > 0) return []
  return [...parsed.registries.configs].flatMap(([host, { tls }]): readonly WrittenTls[] => {
    if (tls === undefined) return []
    const named = (field: FileField, path: string): NamedFile | undefined =>
      path === '' ? undefined : { host, field, path, position: parsed.positionOf(['configs', host, 'tls', field]), file: files?.get(path) }
    return [{ host, tls, ca: named('ca_file', tls.caFile), cert: named('cert_file', tls.certFile), key: named('key_file', tls.keyFile) }]
  })
}

/** Every file that any `tls` names. */
export function namedFiles(context: LintContext): readonly NamedFile[] {
  return writtenTls(context).flatMap(({ ca, cert, key }) => [ca, cert, key].filter((named) => named !== undefined))
}
