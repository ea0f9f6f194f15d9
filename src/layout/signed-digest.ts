import { isMirrorError } from '../errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { isDigest, type Digest } from '../oci/digest.ts'
import { isJsonObject, parseJsonObject } from '../oci/json-object.ts'
import { parseManifest } from '../oci/manifest.ts'

/** Reads small content of a layout or an archive; undefined where it is absent or large. */
export type ReadContent = (content: Pick<Descriptor, 'digest'>) => Promise<Uint8Array | undefined>

function digestIn(value: unknown): Digest | undefined {
  return typeof value === 'string' && isDigest(value) ? value : undefined
}

/** https://github.com/containers/image/blob/main/docs/containers-signature.5.md#json-data-format */
function ofSimpleSigning(payload: Readonly<Record<string, unknown>>): Digest | undefined {
  const { critical } = payload
  const image = isJsonObject(critical) ? critical['image'] : undefined
  return isJsonObject(image) ? digestIn(image['docker-manifest-digest']) : undefined
}

/** https://github.com/secure-systems-lab/dsse/blob/master/envelope.md, https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md */
function ofEnvelope({ payload }: Readonly<Record<string, unknown>>): Digest | undefined {
  const statement = typeof payload === 'string' ? parseJsonObject(Buffer.from(payload, 'base64').toString('utf8')) : undefined
  const subjects: unknown = statement?.['subject']
  const [subject] = Array.isArray(subjects) ? (subjects as unknown[]) : []
  const digest = isJsonObject(subject) ? subject['digest'] : undefined
  return isJsonObject(digest) ? digestIn(`sha256:${String(digest['sha256'])}`) : undefined
}

const readers: Readonly<Record<string, typeof ofEnvelope>> = {
  'application/vnd.dev.cosign.simplesigning.v1+json': ofSimpleSigning,
  'application/vnd.dsse.envelope.v1+json': ofEnvelope,
}

/** The digest of what a cosign signature or attestation says it is about; undefined where it does not say that readably. */
export async function signedDigest(manifest: Uint8Array, read: ReadContent): Promise<Digest | undefined> {
  try {
    const contents = parseManifest(manifest)
    const [layer] = contents.kind === 'image' ? contents.layers : []
    const reader = layer && readers[layer.mediaType]
    const bytes = reader && (await read(layer))
    const payload = bytes && parseJsonObject(Buffer.from(bytes).toString('utf8'))
    return payload && reader(payload)
  } catch (error) {
    if (isMirrorError(error)) return undefined
    throw error
  }
}
