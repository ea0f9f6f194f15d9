import { MirrorError, systemReason } from '../../errors.ts'
import type { Position } from '../registries.ts'
import { shownPath } from '../shown-text.ts'
import { readBoundedFile } from './bounded-file.ts'
import { parseRegistries, type ParsedRegistries } from './parse-registries.ts'

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

/** Reads the file, with its permission bits; throws INVALID_CONFIG for one that cannot be read or is no text. */
export async function readRegistriesText(
  path: string,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<{ readonly text: string; readonly mode: number }> {
  const read = await readBoundedFile(path, maxRegistriesBytes, signal)
  if (typeof read === 'object') return { text: decodeRegistriesText(read.bytes, path), mode: read.mode }
  const reasons: Readonly<Record<string, string>> = {
    'not a file': 'it is not a file',
    'too large': 'it is larger than 256 KiB',
    ENOENT: 'there is no such file',
  }
  throw new MirrorError('INVALID_CONFIG', `${path}: ${reasons[read] ?? systemReason({ code: read })}`, {
    hint: read === 'too large' ? 'A registries.yaml is a few KiB; name the right file.' : 'Name a registries.yaml that this user may read.',
  })
}

/** Writes a position in a file as compilers do: `file:line:column`. */
export function formatPosition(path: string, { line, column }: Position): string {
  return `${path}:${line}:${column}`
}

/** Reads and parses a file that K3s would start with; throws INVALID_CONFIG with the position of everything that keeps it from that, and no value. */
export async function readRegistries(
  path: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<ParsedRegistries & { readonly mode: number }> {
  const { text, mode } = await readRegistriesText(path, options)
  const parsed = parseRegistries(text, path)
  const problems = parsed.problems.map(({ position, path: at, why }) => {
    const what = at.length === 0 ? '' : `${shownPath(at)}: `
    return `${formatPosition(path, position)}: ${what}${why}`
  })
  if (problems.length > 0) throw new MirrorError('INVALID_CONFIG', problems.join('; '), { hint })
  return { ...parsed, mode }
}
