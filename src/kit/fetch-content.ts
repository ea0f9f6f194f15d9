import { open } from 'node:fs/promises'
import type { Content } from '../async/content.ts'
import { orWrongOnce, retry, type Retry, type RetryPolicy } from '../async/retry.ts'
import { openResumed } from '../copy/verified-content.ts'
import { MirrorError } from '../errors.ts'
import type { HttpClient } from '../http/http-client.ts'
import type { StreamedAnswer } from '../http/send-request.ts'
import { fileContent } from '../layout/file-content.ts'
import { withLocalIo } from '../layout/local-io.ts'
import { parseContentRange } from '../oci/content-range.ts'
import { DigestCheck } from '../oci/digest.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { openRanged } from '../registry/ranged-download.ts'
import { isAbsent, temporaryFailure, unexpectedStatus, type ListFetchOptions } from '../release/fetch-file.ts'
import { redactUrl } from '../text/redact.ts'
import type { GatheredFile } from './gathered-file.ts'

/** Redirects that are followed: GitHub sends downloads to its storage. */
const redirects = 5

async function openUrl(
  client: HttpClient,
  url: URL,
  { expect, range = {}, signal }: CallOptions & { readonly expect: readonly number[]; readonly range?: Readonly<Record<string, string>> },
): Promise<StreamedAnswer> {
  const headers = { accept: '*/*', 'accept-encoding': 'identity', ...range }
  const answer = await client.download({ url, headers, redirects, signal })
  if (expect.includes(answer.status)) return answer
  answer.cancel()
  throw temporaryFailure(url, answer) ?? unexpectedStatus(url, answer.status)
}

/** Bytes of a file at a URL, by its first byte: servers that sign URLs for GET refuse HEAD. Undefined where there is no such file. Throws PROTOCOL where its size is not declared. */
export async function fetchSize(client: HttpClient, url: URL, options: ListFetchOptions): Promise<number | undefined> {
  const once = async (): Promise<number | undefined> => {
    const answer = await openUrl(client, url, { expect: [200, 206, 404, 410], range: { range: 'bytes=0-0' }, signal: options.signal })
    const size = answer.status === 206 ? parseContentRange(answer.headers.get('content-range'))?.total : answer.length
    if (answer.length === 1) await answer.read(() => undefined)
    else answer.cancel()
    if (isAbsent(answer.status)) return undefined
    if (size === undefined) throw new MirrorError('PROTOCOL', `cannot fetch ${redactUrl(url)}: ${url.host} does not declare the size`)
    return size
  }
  return retry(once, { ...options.retry, signal: options.signal })
}

/** How a large file is read. */
export interface ReadFileOptions extends CallOptions {
  readonly retry?: Partial<RetryPolicy> | undefined
  readonly onProgress?: ((bytes: number) => void) | undefined
  readonly onRetry?: ((retry: Retry) => void) | undefined
}

/** What a file is called in messages. */
function sourceOf({ from, path }: GatheredFile): string {
  if (from instanceof URL) return redactUrl(from)
  return typeof from === 'string' ? from : path
}

async function openLocal(path: string, offset: number, size: number, signal?: AbortSignal): Promise<Content> {
  return withLocalIo('read', path, async () => fileContent(await open(path), { path, offset, size: size - offset, signal }))
}

/** Opens a large file of a kit for one reading, resumed where its stream breaks; the last chunk is withheld until its digest matches. Throws INTEGRITY, and as the network and files do. */
async function openVerifiedFile(client: HttpClient, file: GatheredFile, options: ReadFileOptions): Promise<Content> {
  const { from, size } = file
  const name = sourceOf(file)
  const refuse = (): MirrorError =>
    new MirrorError('INTEGRITY', `${name} does not match its sha256 ${file.digest.slice('sha256:'.length)}`, {
      side: 'source',
      subject: name,
      hint: 'the file was changed at its source or in transit: compare it with the one that K3s published; no kit was written',
    })
  return openResumed(
    async ({ offset = 0, signal }) => {
      if (typeof from === 'string') return openLocal(from, offset, size, signal)
      if (!(from instanceof URL)) throw new MirrorError('INTERNAL', `${file.path} has no source`)
      return openRanged((expect, range) => openUrl(client, from, { expect, range, signal }), {
        size,
        offset,
        what: ['read', name],
        declaredBy: 'the release',
        release: () => undefined,
      })
    },
    size,
    { ...options, check: new DigestCheck(file, refuse) },
  )
}

/** Reads a large file of a kit into `put`, which gets its content; wrong content gets a second try. Throws INTEGRITY, and as the network, files and `put` do. */
export async function readLargeFile(
  client: HttpClient,
  file: GatheredFile,
  put: (open: () => Promise<Content>) => Promise<void>,
  options: ReadFileOptions = {},
): Promise<void> {
  await retry(() => put(() => openVerifiedFile(client, file, options)), {
    ...options.retry,
    signal: options.signal,
    onRetry: options.onRetry,
    isTransient: orWrongOnce(() => false),
  })
}
