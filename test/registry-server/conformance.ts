import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { after, test } from 'node:test'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { startDockerRegistry } from '../servers/docker-registry.ts'
import { requireServer } from '../servers/require-server.ts'
import { callUrl, startRegistry, type Answer, type Call } from './start-registry.ts'

/** A registry that is asked, with two repositories that no other test uses. */
export interface AskedRegistry {
  readonly name: string
  readonly other: string
  /** One request; a Location may be absolute. */
  readonly call: (method: string, location: string, call?: Call) => Promise<Answer>
  /** Uploads by POST and PUT, which every registry has to know, and gives the digest. */
  pushBlob(bytes: Uint8Array, digest?: string): Promise<string>
  /** PUT of a manifest; `reference` is its digest where none is given. */
  putManifest(document: unknown, reference?: string, type?: string): Promise<Answer>
}

/** Options of a test of one point of the specification. */
export interface PointOptions {
  /** Why Debian's docker-registry, distribution 2.8 of 2015 to 2023, is not asked. */
  readonly notDocker?: string
}

type Server = { readonly url: string } & AsyncDisposable
const servers = new Map<string, Promise<Server>>()
let repositories = 0

after(async () => {
  for (const server of servers.values()) await (await server)[Symbol.asyncDispose]()
})

async function askedRegistry(name: string, start: () => Promise<Server>): Promise<AskedRegistry> {
  const server = servers.get(name) ?? start()
  servers.set(name, server)
  const { url } = await server
  const repository = `conformance/r-${++repositories}`
  const call: AskedRegistry['call'] = (method, location, more) => {
    const { pathname, search } = new URL(location, url)
    return callUrl(url, method, pathname + search, more)
  }
  return {
    name: repository,
    other: `conformance/other__${repositories}`,
    call,
    async pushBlob(bytes, digest = digestOf(bytes)) {
      const opened = await call('POST', `/v2/${repository}/blobs/uploads/`)
      assert.equal(opened.status, 202)
      const stored = await call('PUT', withQuery(opened.headers.location, { digest }), { body: bytes, headers: octets })
      assert.equal(stored.status, 201, stored.body.toString())
      return digest
    },
    putManifest(document, reference, type) {
      const body = bytesOfManifest(document)
      const contentType = type ?? (document as { mediaType?: string }).mediaType ?? mediaTypes.ociManifest
      return call('PUT', `/v2/${repository}/manifests/${reference ?? digestOf(body)}`, { body, headers: { 'content-type': contentType } })
    },
  }
}

/**
 * A point of https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md, asked over HTTP of our server, and of Debian's
 * docker-registry as well, so that a test which asks the wrong thing is noticed.
 */
export function conforms(
  section: string,
  point: string,
  ask: (registry: AskedRegistry) => Promise<void>,
  options: PointOptions = {},
): void {
  test(`${section}: ${point}`, async () => ask(await askedRegistry('serve', startRegistry)))
  if (options.notDocker !== undefined) return
  test(`${section}: ${point} (docker-registry)`, async (t) => {
    if (requireServer(t, 'docker-registry')) await ask(await askedRegistry('docker-registry', startDockerRegistry))
  })
}

export const octets = { 'content-type': 'application/octet-stream' }

/** The digest of the bytes. */
export function digestOf(bytes: Uint8Array, algorithm: 'sha256' | 'sha512' = 'sha256'): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`
}

/** The bytes that `putManifest` sends for a document. */
export function bytesOfManifest(document: unknown): Buffer {
  return Buffer.from(typeof document === 'string' ? document : JSON.stringify(document))
}

/** A Location with parameters added to those that it has. */
export function withQuery(location: string | undefined, parameters: Record<string, string>): string {
  assert.ok(location !== undefined && location !== '', 'the answer has no Location')
  return `${location}${location.includes('?') ? '&' : '?'}${new URLSearchParams(parameters).toString()}`
}

/** A descriptor of bytes. */
export function describe(bytes: Uint8Array, mediaType: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return { mediaType, digest: digestOf(bytes), size: bytes.length, ...more }
}

/** An image manifest over blobs that are pushed on the way. */
export async function pushedImage(
  registry: AskedRegistry,
  more: Record<string, unknown> = {},
  layers = 1,
): Promise<Record<string, unknown>> {
  const config = Buffer.from(
    JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [digestOf(randomBytes(9))] } }),
  )
  const contents = Array.from({ length: layers }, () => randomBytes(300))
  for (const bytes of [config, ...contents]) await registry.pushBlob(bytes)
  return {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: describe(config, mediaTypes.ociConfig),
    layers: contents.map((bytes) => describe(bytes, 'application/vnd.oci.image.layer.v1.tar')),
    ...more,
  }
}

const codes: ReadonlySet<string> = new Set(
  `BLOB_UNKNOWN BLOB_UPLOAD_INVALID BLOB_UPLOAD_UNKNOWN DIGEST_INVALID MANIFEST_BLOB_UNKNOWN MANIFEST_INVALID MANIFEST_UNKNOWN
  NAME_INVALID NAME_UNKNOWN SIZE_INVALID UNAUTHORIZED DENIED UNSUPPORTED TOOMANYREQUESTS`.split(/\s+/),
)

/** Checks the form of an error body, that its codes are of the specification's list, and the first of them. */
export function isRefused(answer: Answer, status: number | readonly number[], code: string): void {
  const statuses = typeof status === 'number' ? [status] : status
  assert.ok(statuses.includes(answer.status), `${answer.status} ${answer.body.toString()}`)
  assert.match(answer.headers['content-type'] ?? '', /^application\/json/)
  const { errors } = answer.json() as { errors: { code: string; message?: unknown }[] }
  assert.ok(errors.length > 0)
  for (const error of errors) {
    assert.ok(codes.has(error.code), `${error.code} is not a code of the specification`)
    assert.equal(typeof error.message, 'string')
  }
  assert.equal(errors[0]?.code, code)
}
