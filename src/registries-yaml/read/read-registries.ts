import { MirrorError, systemReason } from '../../errors.ts'
import type { Position } from '../registries.ts'
import { shownPath } from '../shown-text.ts'
import { readBoundedFile } from './bounded-file.ts'
import { parseRegistries, type ParsedRegistries } from './parse-registries.ts'

/** Largest registries.yaml in bytes; a larger one would take many seconds to check. */
export const maxRegistriesBytes: number = 256 * 1024
const hint = 'correct the file and check it with k3s-mirror registries lint: https://docs.k3s.io/installation/private-registry'

/** Decodes UTF-8, or UTF-16 with a byte order mark, as K3s' parser does. Throws INVALID_CONFIG. */
export function decodeRegistriesText(bytes: Uint8Array, path: string): string {
  const [first, second] = bytes
  const encoding = first === 0xff && second === 0xfe ? 'utf-16le' : first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8'
  try {
    return new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new MirrorError('INVALID_CONFIG', `${path}: not UTF-8 text`, { hint })
  }
}

/** Reads the text of the file and its permission bits. Throws INVALID_CONFIG for an unreadable file. */
export async function readRegistriesText(
  path: string,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<{ readonly text: string; readonly mode: number }> {
  const read = await readBoundedFile(path, maxRegistriesBytes, signal)
  if (typeof read === 'object') return { text: decodeRegistriesText(read.bytes, path), mode: read.mode }
  const reasons: Readonly<Record<string, string>> = {
    'not a file': 'not a regular file',
    'too large': 'larger than 256 KiB',
    ENOENT: 'no such file',
  }
  throw new MirrorError('INVALID_CONFIG', `cannot read ${path}: ${reasons[read] ?? systemReason({ code: read })}`, {
    hint:
      read === 'too large'
        ? 'pass a registries.yaml, which has a few KiB'
        : 'pass options.registries <file> that this user may read, or /dev/null for nodes without a registries.yaml',
  })
}

/** Formats a position in a file as compilers do: `file:line:column`. */
export function formatPosition(path: string, { line, column }: Position): string {
  return `${path}:${line}:${column}`
}

/** Reads and parses a registries.yaml. Throws INVALID_CONFIG with the position of each error that keeps K3s from starting, and without values of the file. */
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
