import type { MirrorError } from '../errors.ts'
import { ContentsCheck, type CheckedContents, type VerifyImageOptions } from './check-contents.ts'
import { locationOf } from './checked-endpoint.ts'
import { compareDigests } from './expected-digest.ts'
import { ImageSearch, type SoughtImage } from './image-search.ts'
import { worstStatus, type ImageVerdict } from './image-verdict.ts'

const nothing: CheckedContents = { platforms: [], manifests: 0, blobs: 0, bytes: 0, problems: [], warnings: [] }

/** Looks for an image as containerd does: the first endpoint that has the name decides the digest, and content that only upstream has is a problem. */
export async function verifyImage(sought: SoughtImage, options: VerifyImageOptions = {}): Promise<ImageVerdict> {
  const { name, expected } = sought
  const search = new ImageSearch(sought, options.signal)
  const { found, ...root } = await search.root()
  const contents = found?.endpoint.isUpstream === false ? await new ContentsCheck(name, search, options).below(found.value) : nothing
  const moved = found && compareDigests(name, found.value.digest, locationOf(found.endpoint), expected)
  const problems = [...root.problems, ...(moved ?? []), ...contents.problems]
  return {
    ...contents,
    status: worstStatus(problems),
    digest: found?.value.digest,
    endpoints: search.verdicts(),
    problems,
    warnings: [...root.warnings, ...contents.warnings],
  }
}

/** The verdict on an image whose only endpoint cannot be used at all, and is not asked for it. */
export function failedVerdict({ name, endpoints }: SoughtImage, { code, message }: MirrorError): ImageVerdict {
  const status = code === 'UNAUTHORIZED' || code === 'DENIED' ? 'refused' : 'unreachable'
  return {
    ...nothing,
    status,
    digest: undefined,
    endpoints: endpoints.map(({ url, repository, isDefault, askedAs }) => ({
      url,
      repository: repository.path,
      isDefault,
      askedAs,
      status: 'failed',
      reason: message,
    })),
    problems: [{ status, code, message: `${name}: ${message}` }],
  }
}
