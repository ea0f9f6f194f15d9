import { mediaTypes } from '../oci/media-type.ts'
import { digestOrRefusal, type Exchange } from './exchange.ts'
import { jsonReply, type Reply } from './reply.ts'

/** GET /v2/<name>/referrers/<digest>: an index of what is about that manifest; empty for one that nothing is about, or that is not here. */
export async function listReferrers({ layout, query, repository, last }: Exchange): Promise<Reply> {
  const digest = digestOrRefusal(last)
  if (typeof digest !== 'string') return digest
  const artifactType = query.get('artifactType')
  const all = await layout.referrers(repository, digest)
  const manifests = artifactType === null ? all : all.filter((referrer) => referrer.artifactType === artifactType)
  return jsonReply(
    { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests },
    { 'content-type': mediaTypes.ociIndex, ...(artifactType !== null && { 'oci-filters-applied': 'artifactType' }) },
  )
}
