import { MirrorError } from '../errors.ts'
import type { HttpClient } from '../http/http-client.ts'
import { redactUrl } from '../text/redact.ts'
import { fetchFile, isAbsent, unexpectedStatus, type ListFetchOptions } from './fetch-file.ts'
import { readListFile, readListStream, type ByteStream, type FileKind } from './read-list-file.ts'
import { parseUrl } from './release-files.ts'

/** How a file that an option names is read, and what messages call the two. */
export interface ListSourceOptions extends ListFetchOptions, Required<FileKind> {
  /** What `-` reads. */
  readonly stdin?: ByteStream | undefined
}

const urlForm = /^[a-z][a-z0-9+.-]*:\/\//i

/** True for the URL of a file, with any scheme. */
export function isUrl(given: string): boolean {
  return urlForm.test(given)
}

/** Reads a file of at most 10 MiB by its path, by its http or https URL, or for `-` from standard input. Gives its name for messages, without secrets, and its bytes. Throws USAGE, INVALID_LIST and LIST_UNAVAILABLE. */
export async function readListSource(
  client: HttpClient,
  given: string,
  options: ListSourceOptions,
): Promise<readonly [name: string, bytes: Uint8Array]> {
  const { option, noun, stdin } = options
  if (given === '') throw new MirrorError('USAGE', `${option} is empty`, { hint: 'pass a file, a URL, or - for standard input' })
  if (given === '-') {
    if (stdin === undefined) throw new MirrorError('USAGE', `${option} - reads standard input, which is not available here`)
    return ['standard input', await readListStream(stdin, 'standard input', options)]
  }
  if (!isUrl(given)) return [given, await readListFile(given, options)]
  const url = parseUrl(given, option)
  const { status, body } = await fetchFile(client, url, options)
  if (isAbsent(status))
    throw new MirrorError('LIST_UNAVAILABLE', `${noun.replace(/^an? /, '')} not found at ${redactUrl(url)} (HTTP ${status})`)
  if (status !== 200) throw unexpectedStatus(url, status)
  return [redactUrl(url), body]
}
