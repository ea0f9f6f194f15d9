import { randomBytes } from 'node:crypto'
import type { Digest } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { tinyBlob, tinyManifest, type TinyImage } from './tiny-image.ts'

/** An entry of an index.json, with these annotations. */
export function entryOf({ root }: TinyImage, annotations?: Readonly<Record<string, string>>): object {
  return { ...root.descriptor, ...(annotations && { annotations }) }
}

/** The files of an OCI layout that holds these images, with these entries in its index.json. */
export function layoutFiles(images: readonly TinyImage[], entries: readonly unknown[]): Record<string, string | Uint8Array> {
  const files: Record<string, string | Uint8Array> = { 'oci-layout': '{"imageLayoutVersion":"1.0.0"}' }
  for (const { blobs, manifests } of images)
    for (const { bytes, descriptor } of [...blobs, ...manifests]) files[`blobs/${descriptor.digest.replace(':', '/')}`] = bytes
  return { ...files, 'index.json': JSON.stringify({ schemaVersion: 2, manifests: entries }) }
}

/** A manifest over one layer of this type, whose config says nothing, as artifacts have it. */
export function tinyArtifact(layer: Uint8Array, layerType: string, extra: Record<string, unknown> = {}): TinyImage {
  const blob = tinyBlob(layer, layerType)
  const config = tinyBlob(
    Buffer.from('{"architecture":"","os":"","rootfs":{"type":"layers","diff_ids":[]},"config":{}}'),
    mediaTypes.ociConfig,
  )
  const document = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config: config.descriptor, layers: [blob.descriptor], ...extra }
  const root = tinyManifest(document)
  return { blobs: [blob, config], manifests: [root], root }
}

/** What `cosign sign` stores about a manifest. */
export function signatureOf(digest: Digest): TinyImage {
  const critical = {
    identity: { 'docker-reference': '' },
    image: { 'docker-manifest-digest': digest },
    type: 'cosign container image signature',
  }
  const payload = Buffer.from(JSON.stringify({ critical, optional: null }))
  return tinyArtifact(payload, 'application/vnd.dev.cosign.simplesigning.v1+json')
}

/** What `cosign attest` stores about a manifest. */
export function attestationOf(digest: Digest): TinyImage {
  const statement = { _type: 'https://in-toto.io/Statement/v1', subject: [{ name: 'x', digest: { sha256: digest.slice(7) } }] }
  const payload = Buffer.from(JSON.stringify(statement)).toString('base64')
  const envelope = { payloadType: 'application/vnd.in-toto+json', payload, signatures: [] }
  return tinyArtifact(Buffer.from(JSON.stringify(envelope)), 'application/vnd.dsse.envelope.v1+json')
}

/** An SBOM, which does not say what it is about. */
export function sbomOf(): TinyImage {
  return tinyArtifact(randomBytes(300), 'text/spdx+json')
}

/** The tag by which cosign finds what is about a manifest. */
export function cosignTag({ root }: TinyImage, ending: 'sig' | 'att' | 'sbom'): string {
  return `${root.descriptor.digest.replace(':', '-')}.${ending}`
}
