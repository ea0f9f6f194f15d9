import { isTransient } from '../async/retry.ts'
import { cannot, isMirrorError, MirrorError } from '../errors.ts'
import type { HttpResponse } from '../http/message.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { hasDigest, isDigest, type Digest } from '../oci/digest.ts'
import type { FoundManifest } from '../oci/image-destination.ts'
import type { CallOptions } from '../oci/image-source.ts'
import { manifestOf, maxManifestBytes, type Manifest } from '../oci/manifest.ts'
import { acceptManifests } from '../oci/media-type.ts'
import { atDigest, formatReference, type Reference } from '../oci/reference.ts'
import { foreignText } from '../text/printable.ts'
import { askByHead, isWebPage } from './ask-by-head.ts'
import { checkAccess } from './check-access.ts'
import { apiUrl } from './endpoint.ts'
import { registryAnswer } from './registry-error.ts'
import type { RegistryTransport } from './transport.ts'

function manifestUrl(transport: RegistryTransport, { path, tag, digest }: Reference): URL {
  return apiUrl(transport.endpoint, path, `manifests/${digest ?? tag ?? 'latest'}`)
}

function statedDigest(response: HttpResponse): Digest | undefined {
  const stated = response.headers.get('docker-content-digest')
  return stated !== undefined && isDigest(stated) ? stated : undefined
}

/** Asks for a manifest by HEAD, and by GET where the answer is incomplete; at a destination refused credentials count as an absence, which is what many registries mean. */
export async function headManifest(
  transport: RegistryTransport,
  reference: Reference,
  options: CallOptions = {},
): Promise<Descriptor | undefined> {
  try {
    const response = await askByHead(transport, {
      asksFor: 'manifest',
      url: manifestUrl(transport, reference),
      what: ['look up', formatReference(reference)],
      repository: reference.path,
      headers: { accept: acceptManifests },
      signal: options.signal,
    })
    if (response?.status === 404) return undefined
    const digest = response && statedDigest(response)
    const mediaType = response?.headers.get('content-type')?.split(';', 1)[0]?.trim()
    const size = response?.headers.integer('content-length')
    if (digest !== undefined && mediaType !== undefined && size !== undefined) return { mediaType, digest, size }
    const { descriptor } = await getManifest(transport, reference, options)
    if (response === undefined) transport.distrusted.add('manifest')
    return descriptor
  } catch (error) {
    if (!isMirrorError(error)) throw error
    if (error.code === 'NOT_FOUND') {
      // Any web server answers 404; without this the whole image would be read from its source first.
      if (transport.side === 'destination') await checkAccess(transport, reference, options)
      return undefined
    }
    const isRefusal = error.code === 'UNAUTHORIZED' || error.code === 'DENIED'
    // Without an answer, credentials are missing, or refused wherever they are sent, and no push can follow.
    if (transport.side === 'destination' && isRefusal && registryAnswer(error) !== undefined) return undefined
    throw error
  }
}

/** Reads a manifest: its bytes as they came, hashed, and compared with the digest where the reference has one. */
export async function getManifest(transport: RegistryTransport, reference: Reference, options: CallOptions = {}): Promise<Manifest> {
  const name = formatReference(reference)
  for (let attempt = 1; ; attempt++) {
    const response = await transport.send({
      method: 'GET',
      url: manifestUrl(transport, reference),
      what: ['read', name],
      repository: reference.path,
      expect: [200],
      headers: { accept: acceptManifests, 'accept-encoding': 'identity' },
      maxBytes: maxManifestBytes,
      signal: options.signal,
    })
    const { digest } = reference
    if (digest === undefined || hasDigest(response.body, digest)) return readManifest(transport, response, digest, name)
    if (isWebPage(response.headers)) throw pageError(transport, name)
    if (attempt === 2) {
      throw new MirrorError('INTEGRITY', `${transport.endpoint.origin.host} returned content for ${name} that does not match the digest`, {
        subject: name,
        hint: 'read from another copy: the registry or a proxy changes content',
      })
    }
  }
}

/** Looks a manifest up by GET, for what it says; by HEAD where it cannot be read. Undefined where it does not exist. */
export async function findManifest(
  transport: RegistryTransport,
  reference: Reference,
  options: CallOptions = {},
): Promise<FoundManifest | undefined> {
  try {
    const manifest = await getManifest(transport, reference, options)
    return { descriptor: manifest.descriptor, manifest }
  } catch (error) {
    const mayPass: boolean = isTransient(error)
    if (mayPass || !isMirrorError(error)) throw error
    // The registry's own 404, as after a HEAD.
    if (error.code === 'NOT_FOUND' && (registryAnswer(error)?.codes.length ?? 0) > 0) return undefined
    const descriptor = await headManifest(transport, reference, options)
    return descriptor && { descriptor }
  }
}

function pageError(transport: RegistryTransport, name: string): MirrorError {
  const { host } = transport.endpoint.origin
  const what = `${host} returned a web page: it is not a registry, or a proxy or captive portal is in between`
  return cannot('PROTOCOL', ['read', name], what)
}

function readManifest(transport: RegistryTransport, response: HttpResponse, digest: Digest | undefined, name: string): Manifest {
  let manifest
  try {
    manifest = manifestOf(response.body, response.headers.get('content-type'), digest)
  } catch (error) {
    if (!(error instanceof MirrorError)) throw error
    if (isWebPage(response.headers)) throw pageError(transport, name)
    const reason = `${transport.endpoint.origin.host} returned an invalid manifest: ${foreignText(error.message)}`
    const hint = transport.hasProvedAccess ? error.hint : `check that ${transport.endpoint.origin.origin} is a registry`
    throw error.with({ message: `cannot read ${name}: ${reason}`, subject: name, reason, hint, cause: error })
  }
  transport.proveAccess()
  const stated = statedDigest(response)
  if (stated !== undefined && stated !== manifest.descriptor.digest && !hasDigest(response.body, stated)) {
    transport.warn(`${transport.endpoint.origin.host} states another digest for ${name} than its bytes have; what counts is the bytes`)
  }
  return manifest
}

/** True for a refusal after which the manifest may be there all the same: what names missing content has not been stored. */
function isRefusal(error: unknown): boolean {
  const answer = registryAnswer(error)
  if (answer === undefined || !isMirrorError(error)) return false
  return error.code !== 'THROTTLED' && !answer.codes.some((code) => code.endsWith('_UNKNOWN') || code === 'MANIFEST_INVALID')
}

/** Stores a manifest byte for byte: it counts as stored when the registry says its digest or a HEAD finds it, whatever the answer was. */
export async function putManifest(
  transport: RegistryTransport,
  reference: Reference,
  manifest: Manifest,
  options: CallOptions = {},
): Promise<void> {
  const { mediaType, digest } = manifest.descriptor
  const named: Reference =
    reference.tag === undefined ? atDigest(reference, digest) : { registry: reference.registry, path: reference.path, tag: reference.tag }
  const name = formatReference(named)
  // A registry may know the same bytes under another algorithm.
  const isSame = (found: Digest | undefined): boolean => found === digest || (found !== undefined && hasDigest(manifest.bytes, found))
  const isStored = async (): Promise<boolean> => isSame((await headManifest(transport, named, options))?.digest)
  await transport.retry(async () => {
    try {
      const response = await transport.sendInTurn({
        method: 'PUT',
        url: manifestUrl(transport, named),
        what: ['write', name],
        repository: reference.path,
        expect: [200, 201, 202, 204],
        headers: { 'content-type': mediaType },
        body: manifest.bytes,
        signal: options.signal,
      })
      const stated = statedDigest(response)
      if (stated !== undefined && !isSame(stated)) {
        throw new MirrorError('INTEGRITY', `${transport.endpoint.origin.host} stored ${name} as ${stated}, not as ${digest}`, {
          subject: name,
        })
      }
      if ((stated !== undefined && response.status === 201) || (await transport.settles(isStored, options.signal))) return
      throw new MirrorError(
        'PROTOCOL',
        `${transport.endpoint.origin.host} accepted ${name} but does not have it: it is not a registry, or it changes what it stores`,
        { subject: name },
      )
    } catch (error) {
      if (isRefusal(error) && (await isStored().catch(() => false))) return
      if (named.digest?.startsWith('sha512:') !== true || registryAnswer(error)?.status !== 400) throw error
      throw new MirrorError('UNSUPPORTED', `cannot write ${name}: the registry does not accept manifests by their sha512 digest`, {
        hint: 'name the image by a tag in addition to the digest, or by its sha256 digest',
        cause: error,
      })
    }
  }, options)
}
