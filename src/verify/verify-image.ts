import type { Descriptor } from '../oci/descriptor.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { absence } from './absence.ts'
import { checkContents, type CheckedContents } from './check-contents.ts'
import { askEndpoint, askInOrder, locationOf, type CheckedEndpoint, type Failure } from './checked-endpoint.ts'
import { EndpointNotes } from './endpoint-notes.ts'
import { compareDigests } from './expected-digest.ts'
import { worstStatus, type ImageVerdict, type Problem } from './image-verdict.ts'
import type { SoughtImage, VerifyImageOptions } from './sought-image.ts'

/** Who answers for the root, and what others say. */
interface ResolvedRoot {
  readonly found: { readonly value: Descriptor; readonly endpoint: CheckedEndpoint } | undefined
  readonly problems: readonly Problem[]
  readonly warnings: readonly string[]
}

const nothing: CheckedContents = { platforms: [], manifests: 0, blobs: 0, bytes: 0, problems: [], warnings: [] }

/**
 * Looks for an image as containerd does: the first endpoint that knows the name decides the digest, and every manifest and blob comes from
 * the first endpoint that has it. The image's own registry is asked last, and only whether it would have to be asked: what it alone has is a problem.
 */
export async function verifyImage(sought: SoughtImage, options: VerifyImageOptions = {}): Promise<ImageVerdict> {
  const notes = new EndpointNotes()
  const { found, problems, warnings } = await resolveRoot(sought, notes, options)
  const digest = found?.value.digest
  const contents = found !== undefined && !found.endpoint.isUpstream ? await checkContents(sought, found.value, notes, options) : nothing
  const moved = found && compareDigests(sought.name, found.value.digest, locationOf(found.endpoint), sought.expected)
  const all = [...problems, ...(moved ?? []), ...contents.problems]
  return {
    ...contents,
    status: worstStatus(all),
    digest,
    endpoints: notes.verdicts(sought.endpoints),
    problems: all,
    warnings: [...warnings, ...contents.warnings],
  }
}

/** Every mirror is asked, because one that has something else, or does not answer, is worth knowing before the first one fails. */
async function resolveRoot(sought: SoughtImage, notes: EndpointNotes, { signal }: CallOptions): Promise<ResolvedRoot> {
  const { endpoints, root } = sought
  const head = (endpoint: CheckedEndpoint): Promise<Descriptor> => endpoint.place.head({ ...endpoint.repository, ...root }, { signal })
  const mirrors = endpoints.filter((endpoint) => !endpoint.isUpstream)
  const answers = await Promise.all(mirrors.map((endpoint) => askEndpoint(endpoint, head, signal)))
  const failures = answers.filter((answer): answer is Failure => 'error' in answer)
  for (const failure of failures) notes.fails(failure)
  const [first, ...others] = answers.filter((answer) => 'value' in answer)
  if (first !== undefined) {
    const different = others.filter(({ value }) => value.digest !== first.value.digest)
    for (const { endpoint, value } of different) notes.differs(endpoint, value.digest)
    const warnings = different.map(
      ({ endpoint, value }) =>
        `${sought.name}: mirrors disagree: ${locationOf(first.endpoint)} has ${first.value.digest}, ${locationOf(endpoint)} ${value.digest}`,
    )
    return { found: first, problems: [], warnings }
  }
  const what = root.digest === undefined ? `tag ${root.tag ?? 'latest'}` : `digest ${root.digest}`
  const upstream = await askInOrder(
    endpoints.filter((endpoint) => endpoint.isUpstream),
    head,
    signal,
  )
  for (const failure of upstream.failures) notes.fails(failure)
  if (upstream.found !== undefined) notes.serves(upstream.found.endpoint)
  return { found: upstream.found, problems: [absence({ name: sought.name, what, failures, upstream, isRoot: true })], warnings: [] }
}
