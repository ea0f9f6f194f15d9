import { mediaTypes } from '../oci/media-type.ts'
import { requireDigest, type RegistryCall } from './registry-call.ts'
import type { Reply } from './reply.ts'

/** Most bytes of a page of the list: in the response, and read from the disk for it. Clients accept indexes of 4 MiB. */
const mostPerReply = { listed: 1024 * 1024, read: 32 * 1024 * 1024 }

/** GET /v2/<name>/referrers/<digest>: an index of the referrers of a manifest, in pages; empty without any, and for an unknown manifest. */
export async function listReferrers({ layout, query, repository, repositoryUrl, last }: RegistryCall): Promise<Reply> {
  const digest = requireDigest(last)
  const after = query.has('last') ? requireDigest(query.get('last')) : undefined
  const artifactType = query.get('artifactType')
  const manifests: string[] = []
  let [listed, read, end] = [0, 0, '']
  let hasMore = false
  for await (const referrer of layout.referrers(repository, digest, { after })) {
    const entry = artifactType === null || referrer.artifactType === artifactType ? JSON.stringify(referrer) : ''
    listed += Buffer.byteLength(entry)
    read += referrer.size
    hasMore = end !== '' && (listed > mostPerReply.listed || read > mostPerReply.read)
    if (hasMore) break
    if (entry !== '') manifests.push(entry)
    end = referrer.digest
  }
  const ns = query.get('ns')
  const next = new URLSearchParams({ ...(artifactType !== null && { artifactType }), ...(ns !== null && { ns }), last: end })
  return {
    status: 200,
    headers: {
      'content-type': mediaTypes.ociIndex,
      ...(artifactType !== null && { 'oci-filters-applied': 'artifactType' }),
      ...(hasMore && { link: `<${repositoryUrl}/referrers/${digest}?${next.toString()}>; rel="next"` }),
    },
    body: `{"schemaVersion":2,"mediaType":"${mediaTypes.ociIndex}","manifests":[${manifests.join(',')}]}`,
  }
}
