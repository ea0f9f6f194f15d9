import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { MirrorError } from '../../errors.ts'
import type { Position } from '../registries.ts'
import { shownPath } from '../shown-text.ts'
import { parseRegistries, type ParsedRegistries } from './parse-registries.ts'

/** A registries.yaml as it lies on disk. */
export interface RegistriesFile {
  readonly text: string
  /** Permission bits. */
  readonly mode: number
}

/** Bytes of a registries.yaml that are read: parsing and judging more would take many seconds. */
export const maxRegistriesBytes: number = 256 * 1024
const hint = 'Correct the file; https://docs.k3s.io/installation/private-registry describes it, and k3s-mirror registries lint judges it.'

/** Decodes what K3s' parser takes: UTF-8, or UTF-16 with a byte order mark. Throws INVALID_CONFIG. */
export function decodeRegistriesText(bytes: Uint8Array, path: string): string {
  const [first, second] = bytes
  const encoding = first === 0xff && second === 0xfe ? 'utf-16le' : first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8'
  try {
    return new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new MirrorError('INVALID_CONFIG', `${path}: it is not UTF-8 text`, { hint })
  }
}

/** Reads the file; throws INVALID_CONFIG for one that cannot be read or is no text. */
export async function readRegistriesText(
  path: string,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<RegistriesFile> {
  const refuse = (why: string, what = 'Name a registries.yaml that this user may read.'): never => {
    throw new MirrorError('INVALID_CONFIG', `${path}: ${why}`, { hint: what })
  }
  try {
    // without O_NONBLOCK a named pipe that nobody writes to would block a thread that no signal ends
    await using file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    const stat = await file.stat()
    if (!stat.isFile()) return refuse('it is not a file')
    if (stat.size > maxRegistriesBytes) return refuse('it is larger than 256 KiB', 'A registries.yaml is a few KiB; name the right file.')
    const bytes = await file.readFile(signal && { signal })
    return { text: decodeRegistriesText(bytes, path), mode: stat.mode & 0o777 }
  } catch (error) {
    signal?.throwIfAborted()
    if (error instanceof MirrorError) throw error
    const { code } = error as NodeJS.ErrnoException
    return refuse(code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${code ?? 'unknown reason'})`)
  }
}

/** Writes a place of a file as compilers do: `file:line:column`. */
export function formatPlace(path: string, { line, column }: Position): string {
  return `${path}:${line}:${column}`
}

/** The same file where K3s would start with it; throws INVALID_CONFIG with every place that keeps it from that, and no value. */
function requireReadable(parsed: ParsedRegistries): ParsedRegistries {
  const [first, ...others] = parsed.problems.map(({ position, path, why }) => {
    const what = path.length === 0 ? '' : `${shownPath(path)}: `
    return `${formatPlace(parsed.path, position)}: ${what}${why}`
  })
  if (first === undefined) return parsed
  throw new MirrorError('INVALID_CONFIG', [first, ...others].join('; '), { hint })
}

/** Reads and parses a file that K3s would start with; throws INVALID_CONFIG. */
export async function readRegistries(
  path: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<ParsedRegistries & { readonly mode: number }> {
  const { text, mode } = await readRegistriesText(path, options)
  return { ...requireReadable(parseRegistries(text, path)), mode }
}
