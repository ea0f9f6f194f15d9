import { MirrorError } from '../errors.ts'
import type { CallOptions } from '../oci/image-source.ts'
import type { Platform } from '../oci/platform.ts'
import { EngineAnswer, type DockerClient } from './docker-client.ts'
import type { EngineAddress } from './engine-address.ts'
import { engineRefusal } from './engine-error.ts'

/** What is known of an Engine before it is used. */
export interface EngineFacts {
  /** The version of the API that both sides speak, `1.41`. */
  readonly apiVersion: string
  /** How it stores images. `podman` is Podman behind this API: like `classic`, but its digests are not names, its pulls report no digest, and it cannot look up names. */
  readonly store: 'classic' | 'containerd' | 'podman'
  /** What its containers run on; undefined where it does not say. */
  readonly platform?: Platform
  /** Where its data lies, where that is a path of this machine. */
  readonly dataDirectory?: string
  /** True where a push can name the platform that is meant (API 1.46) and the store may hold several. */
  readonly canChoosePushed: boolean
  /** False for a containerd store before that: of an index it pushes all or nothing, and it has pulled one platform only. */
  readonly canPushFromIndex: boolean
}

type JsonObject = Readonly<Record<string, unknown>>

// `platform` of a pull came with 1.32; what came after 1.51 was never tried.
const oldest = '1.32'
const newest = '1.51'
const choosesPushed = '1.46'
// A push of an earlier Podman states no digest, or in other words.
const oldestPodman = '4.0'

/** The properties of a JSON value; none where it is not an object. */
export function fields(value: unknown): JsonObject {
  return typeof value === 'object' && value !== null ? (value as JsonObject) : {}
}

function compareVersions(a: string, b: string): number {
  const [[aMajor = 0, aMinor = 0], [bMajor = 0, bMinor = 0]] = [a.split('.').map(Number), b.split('.').map(Number)]
  return aMajor - bMajor || aMinor - bMinor
}

function isVersion(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9]{1,3}\.[0-9]{1,3}$/.test(value)
}

function noEngine({ name }: DockerClient): MirrorError {
  return new MirrorError('PROTOCOL', `the server at ${name} is not a Docker Engine`, { hint: 'check options.dockerHost or DOCKER_HOST' })
}

function agree(client: DockerClient, { ApiVersion: theirs, MinAPIVersion: least }: JsonObject): string {
  if (!isVersion(theirs)) throw noEngine(client)
  if (compareVersions(theirs, oldest) < 0) {
    throw new MirrorError(
      'UNSUPPORTED',
      `the Docker Engine at ${client.name} is too old: its API is ${theirs}, but ${oldest} is required`,
      {
        hint: 'update the daemon to Docker 17.09 or later, or use options.via registry',
      },
    )
  }
  if (isVersion(least) && compareVersions(least, newest) > 0) {
    const message = `the Docker Engine at ${client.name} is too new: it requires API ${least} or later, but ${newest} is the newest supported one`
    throw new MirrorError('UNSUPPORTED', message, { hint: 'update k3s-mirror, or use options.via registry' })
  }
  return compareVersions(theirs, newest) > 0 ? newest : theirs
}

async function askVersion(client: DockerClient, signal: AbortSignal | undefined): Promise<JsonObject> {
  try {
    return fields(await client.json({ method: 'GET', path: '/version', signal }))
  } catch (error) {
    if (!(error instanceof EngineAnswer)) throw error
    if (/HTTP request to an HTTPS server/i.test(error.message)) {
      throw new MirrorError('ENGINE_UNAVAILABLE', `the Docker Engine at ${client.name} requires TLS`, {
        hint: 'set DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH to the directory of ca.pem, cert.pem and key.pem',
      })
    }
    throw error.status === 404 ? noEngine(client) : engineRefusal(error.message, ['answer', '/version'], 'source')
  }
}

/** A proxy before the socket may not let this through; an Engine of which no more is known is taken for a classic one. */
async function askInfo(client: DockerClient, signal: AbortSignal | undefined): Promise<JsonObject> {
  try {
    return fields(await client.json({ method: 'GET', path: '/info', signal }))
  } catch (error) {
    if (error instanceof EngineAnswer) return {}
    throw error
  }
}

/** https://docs.podman.io/en/latest/_static/api.html#tag/system-(compat)/operation/SystemVersion. Throws UNSUPPORTED for a Podman that is too old. */
function isPodman(client: DockerClient, { Components: components }: JsonObject): boolean {
  const podman = Array.isArray(components) ? components.map(fields).find(({ Name: name }) => name === 'Podman Engine') : undefined
  const version = String(podman?.['Version'])
  if (podman === undefined || compareVersions(version, oldestPodman) >= 0) return podman !== undefined
  throw new MirrorError('UNSUPPORTED', `Podman at ${client.name} is too old: it is ${version}, but ${oldestPodman} is required`, {
    hint: 'update Podman, or use options.via registry',
  })
}

function isContainerd({ DriverStatus: rows }: JsonObject): boolean {
  const isDriver = (row: unknown): boolean =>
    Array.isArray(row) && row[0] === 'driver-type' && String(row[1]).startsWith('io.containerd.snapshotter')
  return Array.isArray(rows) && rows.some(isDriver)
}

/**
 * Agrees on a version of the API and reads what the Engine is: https://docs.docker.com/reference/api/engine/#api-version-matrix
 * Throws ENGINE_UNAVAILABLE, PROTOCOL for a server that is not an Engine, and UNSUPPORTED for one that is too old or too new.
 */
export async function negotiate(client: DockerClient, address: EngineAddress, { signal }: CallOptions = {}): Promise<EngineFacts> {
  const version = await askVersion(client, signal)
  const apiVersion = agree(client, version)
  await client.useVersion(apiVersion)
  const podman = isPodman(client, version)
  const info = await askInfo(client, signal)
  const store = podman ? 'podman' : isContainerd(info) ? 'containerd' : 'classic'
  const { DockerRootDir: directory, Architecture: machine } = info
  const { Os: os, Arch: architecture } = version
  // `/version` says only "arm"; `/info` has the machine's name, as `armv6l`.
  const variant = architecture === 'arm' ? /^armv([0-9])/.exec(String(machine))?.[1] : undefined
  const canChoosePushed = store === 'containerd' && compareVersions(apiVersion, choosesPushed) >= 0
  return {
    apiVersion,
    store,
    ...(typeof os === 'string' &&
      typeof architecture === 'string' && {
        platform: { os, architecture, ...(variant !== undefined && { variant: `v${variant}` }) },
      }),
    ...(address.kind === 'socket' && typeof directory === 'string' && directory !== '' && { dataDirectory: directory }),
    canChoosePushed,
    canPushFromIndex: store !== 'containerd' || canChoosePushed,
  }
}
