import { createReadStream } from 'node:fs'
import { MirrorError } from '../errors.ts'
import type { HttpClient } from '../http/http-client.ts'
import { localIo } from '../layout/local-io.ts'
import { fetchFile, isAbsent, unexpectedStatus, type ListFetchOptions } from '../release/fetch-file.ts'
import { isUrl } from '../release/read-list-source.ts'
import { parseUrl } from '../release/release-files.ts'
import { redactUrl } from '../text/redact.ts'

/** Bytes of the largest file that is held: an installer has 40 KB, an RPM 25 KB. */
const mostBytes = 10 * 1024 * 1024

/** Reads a small file that an option names by its path or URL: its name for messages, and its bytes. Throws USAGE, LOCAL_IO, RELEASE_NOT_FOUND, and as the network does. */
export async function readNamedFile(
  client: HttpClient,
  given: string,
  option: string,
  options: ListFetchOptions,
): Promise<{ readonly name: string; readonly bytes: Uint8Array }> {
  if (isUrl(given)) {
    const url = parseUrl(given, option)
    return { name: redactUrl(url), bytes: await fetchWhole(client, url, options) }
  }
  try {
    // Not by its size: the size of a device or a pipe says nothing.
    const bytes = Buffer.concat(await createReadStream(given, { end: mostBytes, signal: options.signal }).toArray())
    if (bytes.length > mostBytes)
      throw new MirrorError('USAGE', `"${given}" is larger than 10 MiB`, { hint: `check the path given with ${option}` })
    return { name: given, bytes }
  } catch (error) {
    throw await localIo(error, 'read', given)
  }
}

/** A file of at most 10 MiB at a URL. Throws RELEASE_NOT_FOUND where it does not exist, and as the network does. */
export async function fetchWhole(client: HttpClient, url: URL, options: ListFetchOptions, hint?: string): Promise<Uint8Array> {
  const { status, body } = await fetchFile(client, url, { retry: options.retry, signal: options.signal })
  if (status === 200) return body
  throw isAbsent(status)
    ? new MirrorError('RELEASE_NOT_FOUND', `${redactUrl(url)} does not exist`, { hint })
    : unexpectedStatus(url, status)
}
