import { MirrorError } from '../errors.ts'
import type { Descriptor } from './descriptor.ts'
import { isDigest, sha256, type Digest } from './digest.ts'
import { isJsonObject } from './json-object.ts'
import { isForeignType, isImageType, isIndexType, isSchema1Type, mediaTypes } from './media-type.ts'
import { isUnknownPlatform, type Platform } from './platform.ts'

const maxDepth = 64

/** Throws INVALID_MANIFEST: `the manifest <why>`. */
function refuse(why: string): never {
  throw new MirrorError('INVALID_MANIFEST', `the manifest ${why}`)
}

/** Where the string that begins here ends: at its closing quote, or at the end of the text if that is missing. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let escapes = 0
    while (text[end - 1 - escapes] === '\\') escapes++
    if (escapes % 2 === 0) return end
  }
  return text.length
}

/** Refuses keys that parsers disagree about, deep nesting, and more values than a limit; whether the text is JSON is left to the parser. */
function scan(text: string, maxValues: number): void {
  const open: Set<string>[] = []
  let values = 0
  let last = ''
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === '"') {
      const end = endOfString(text, at)
      // Only names of members are needed; a slice of the text copies nothing.
      last = text.slice(at, end + 1)
      at = end
    } else if (character === ':') {
      const name = last.includes('\\') ? String(JSON.parse(last)) : last.slice(1, -1)
      const names = open.at(-1)
      if (name === '__proto__') refuse('has the key "__proto__"')
      if (names?.has(name)) refuse(`has the key "${name.slice(0, 50)}" twice`)
      names?.add(name)
    } else if (character === '{' || character === '[') {
      open.push(new Set())
      if (open.length > maxDepth) refuse('is nested too deeply')
    } else if (character === '}' || character === ']') open.pop()
    if ((character === ',' || character === '{' || character === '[') && ++values > maxValues) refuse(`has more than ${maxValues} values`)
  }
}

/** Reads JSON that every parser takes for the same, of `maxValues` values at most, counted before anything is made of them; throws INVALID_MANIFEST. */
export function parseUnambiguousJson(bytes: Uint8Array, maxValues: number): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    scan(text, maxValues)
    value = JSON.parse(text)
  } catch (cause) {
    if (cause instanceof MirrorError) throw cause
    throw new MirrorError('INVALID_MANIFEST', 'the manifest is not JSON', { cause })
  }
  return isJsonObject(value) ? value : refuse('is not a JSON object')
}

/** A manifest as it was received: `bytes` are never re-serialised, because their digest is the image's name. */
export interface Manifest {
  readonly descriptor: Descriptor
  readonly bytes: Uint8Array
}

interface ManifestFacts {
  readonly mediaType: string
  readonly artifactType?: string
  readonly annotations?: Readonly<Record<string, string>>
  /** As it stands there: `readSubject` makes a descriptor of it. */
  readonly subject?: unknown
}

/** What an index refers to, and its own metadata: https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md */
export interface IndexContents extends ManifestFacts {
  readonly kind: 'index'
  readonly manifests: readonly Descriptor[]
}

/** What an image manifest refers to, and its own metadata: https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md */
export interface ImageContents extends ManifestFacts {
  readonly kind: 'image'
  readonly config: Descriptor
  readonly layers: readonly Descriptor[]
}

/** What a manifest refers to, and its own metadata. */
export type ManifestContents = IndexContents | ImageContents

/** Bytes of a manifest that are read at most. */
export const maxManifestBytes: number = 8 * 1024 * 1024
const maxEntries = 1000
/** Values of JSON in a manifest that is read at most: a hundred for each entry. */
const maxValues = 100 * maxEntries

/** The platform in JSON as indexes and configs write it; undefined where operating system or architecture is missing. */
export function parsePlatformEntry(value: unknown): Platform | undefined {
  if (!isJsonObject(value)) return undefined
  const { os, architecture, variant, 'os.version': osVersion } = value
  if (typeof os !== 'string' || typeof architecture !== 'string') return undefined
  return {
    os,
    architecture,
    ...(typeof variant === 'string' && variant !== '' && { variant }),
    ...(typeof osVersion === 'string' && osVersion !== '' && { osVersion }),
  }
}

function isStringRecord(value: unknown): value is Record<string, string> {
  return isJsonObject(value) && Object.values(value).every((entry) => typeof entry === 'string')
}

function parseDescriptor(value: unknown, what: string): Descriptor {
  if (!isJsonObject(value)) refuse(`has no ${what}`)
  const { mediaType, digest, size, urls, annotations } = value
  if (typeof mediaType !== 'string') refuse(`has no media type for its ${what}`)
  if (typeof digest !== 'string' || !isDigest(digest)) refuse(`has an invalid digest for its ${what}`)
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) refuse(`has an invalid size for its ${what}`)
  const platform = parsePlatformEntry(value['platform'])
  return {
    mediaType,
    digest,
    size,
    ...(platform && { platform }),
    ...(Array.isArray(urls) && urls.length > 0 && urls.every((url) => typeof url === 'string') && { urls }),
    ...(isStringRecord(annotations) && { annotations }),
  }
}

function parseDescriptors(value: unknown, what: string): Descriptor[] {
  if (!Array.isArray(value)) refuse(`has no list of ${what}s`)
  if (value.length > maxEntries) refuse(`has ${value.length} ${what}s, more than ${maxEntries}`)
  return value.map((entry) => parseDescriptor(entry, what))
}

/** The media type that the document is, from its own `mediaType` and the type it was served with. */
function decideType(document: Readonly<Record<string, unknown>>, contentType: string | undefined): string {
  const served = contentType?.split(';', 1)[0]?.trim().toLowerCase()
  const isKnown = served !== undefined && (isIndexType(served) || isImageType(served) || isSchema1Type(served))
  const own = document['mediaType']
  if (typeof own === 'string' && own !== '') {
    if (isKnown && served !== own) refuse(`has the media type ${own}, but was served as ${served}`)
    return own
  }
  if (isKnown) return served
  if (document['schemaVersion'] === 1) return mediaTypes.dockerSchema1
  return 'manifests' in document ? mediaTypes.ociIndex : mediaTypes.ociManifest
}

/** Refuses a document that could be taken for an image by one reader and for an index by another (CVE-2021-41190). */
function refuseAmbiguity(document: Readonly<Record<string, unknown>>, kind: 'index' | 'image'): void {
  const foreign = kind === 'index' ? ['layers', 'config', 'fslayers'] : ['manifests', 'fslayers']
  const key = Object.keys(document).find((name) => foreign.includes(name.toLowerCase()))
  if (key !== undefined) refuse(`is ambiguous: an ${kind} with "${key}"`)
}

/** Reads a manifest's references; throws INVALID_MANIFEST for anything that is not exactly one thing, and UNSUPPORTED for schema 1 and unknown types. */
export function parseManifest(bytes: Uint8Array, contentType?: string): ManifestContents {
  if (bytes.length > maxManifestBytes) refuse(`is larger than ${maxManifestBytes} bytes`)
  const document = parseUnambiguousJson(bytes, maxValues)
  const mediaType = decideType(document, contentType)
  if (isSchema1Type(mediaType)) {
    throw new MirrorError('UNSUPPORTED', 'the image has only a Docker schema 1 manifest, which cannot be copied with its digest', {
      hint: 'push the image again with a current tool, then mirror it',
    })
  }
  const { artifactType, annotations, subject } = document
  const facts = {
    mediaType,
    ...(typeof artifactType === 'string' && artifactType !== '' && { artifactType }),
    ...(isStringRecord(annotations) && { annotations }),
    ...(subject !== undefined && { subject }),
  }
  if (isIndexType(mediaType)) {
    refuseAmbiguity(document, 'index')
    return { ...facts, kind: 'index', manifests: parseDescriptors(document['manifests'], 'manifest') }
  }
  if (isImageType(mediaType)) {
    refuseAmbiguity(document, 'image')
    return {
      ...facts,
      kind: 'image',
      config: parseDescriptor(document['config'], 'config'),
      layers: parseDescriptors(document['layers'], 'layer'),
    }
  }
  throw new MirrorError('UNSUPPORTED', `the manifest has an unsupported media type: ${mediaType.slice(0, 100)}`)
}

/** The entries of a layout's index.json as they stand there, however many; throws INVALID_MANIFEST. */
export function parseLayoutIndex(bytes: Uint8Array): readonly unknown[] {
  const document = parseUnambiguousJson(bytes, Infinity)
  refuseAmbiguity(document, 'index')
  const { manifests } = document
  if (!Array.isArray(manifests)) refuse('has no list of manifests')
  return manifests as readonly unknown[]
}

/** The manifest that `subject` refers to; throws INVALID_MANIFEST for a subject that is not a descriptor. */
export function readSubject(subject: unknown): Descriptor | undefined {
  if (subject === undefined) return undefined
  if (!isJsonObject(subject)) refuse('has a subject that is not a descriptor')
  return parseDescriptor(subject, 'subject')
}

/** The manifest that one is about, whatever else its document says; throws INVALID_MANIFEST as `readSubject` does. */
export function parseSubject(bytes: Uint8Array): Descriptor | undefined {
  return readSubject(parseUnambiguousJson(bytes, maxValues)['subject'])
}

const parsed = new WeakMap<Manifest, ManifestContents>()

/** What a manifest refers to; worked out once. */
export function contentsOf(manifest: Manifest): ManifestContents {
  const known = parsed.get(manifest)
  if (known !== undefined) return known
  const contents = parseManifest(manifest.bytes, manifest.descriptor.mediaType)
  parsed.set(manifest, contents)
  return contents
}

/** A manifest over its exact bytes, with the sha256 digest they have, or the given one where they were verified against it. */
export function manifestOf(bytes: Uint8Array, contentType?: string, digest?: Digest): Manifest {
  const contents = parseManifest(bytes, contentType)
  const manifest = { bytes, descriptor: { mediaType: contents.mediaType, digest: digest ?? sha256(bytes), size: bytes.length } }
  parsed.set(manifest, contents)
  return manifest
}

/** True for a layer that is fetched from its own URLs and not from the registry. */
export function isForeignLayer(descriptor: Descriptor): boolean {
  return isForeignType(descriptor.mediaType) || (descriptor.urls?.length ?? 0) > 0
}

const configTypes: ReadonlySet<string> = new Set([mediaTypes.ociConfig, mediaTypes.dockerConfig])
const layerTypes = /^application\/vnd\.(?:oci\.image\.layer|docker\.image\.rootfs)\./

/** False for an image manifest of something that no container runs: a signature, a chart, a file. */
export function isContainerImage(contents: ManifestContents): boolean {
  return (
    contents.kind === 'index' ||
    (configTypes.has(contents.config.mediaType) && contents.layers.every(({ mediaType }) => layerTypes.test(mediaType)))
  )
}

/** True for an index entry that describes another entry: an attestation, which no node ever pulls. */
export function isAttestation(descriptor: Descriptor): boolean {
  return descriptor.annotations?.['vnd.docker.reference.type'] === 'attestation-manifest'
}

/** True for an index entry that a node may pull: it is neither an attestation nor of the platform `unknown/unknown`. */
export function isPullable(descriptor: Descriptor): boolean {
  return !isAttestation(descriptor) && (descriptor.platform === undefined || !isUnknownPlatform(descriptor.platform))
}
