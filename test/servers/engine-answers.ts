import type { ServerResponse } from 'node:http'
import { EngineRefusal, familiarName, madeUpDigest, repositoryOf, type EngineImages, type PulledEngineImage } from './engine-images.ts'
import type { EngineRequest, EngineScript } from './engine-script.ts'

/** Writes lines of JSON as a pull and a push do, the head of the answer before the first of them. */
export function writeLines(response: ServerResponse, ...lines: readonly object[]): void {
  if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/json' })
  for (const line of lines) response.write(`${JSON.stringify(line)}\r\n`)
}

/** What Podman reports in `/version`. */
const podman = { Version: '4.3.1', Components: [{ Name: 'Podman Engine', Version: '4.3.1', Details: { APIVersion: '4.3.1' } }] }

/** What an Engine answers from. */
export interface Engine {
  readonly script: EngineScript
  readonly images: EngineImages
}

/** Answers as an Engine of version 20.10 does; rejects with the error to report instead. */
export async function answer({ script, images }: Engine, request: EngineRequest, response: ServerResponse): Promise<void> {
  const { call, name, query } = request
  refuseVersion(script, request)
  switch (call) {
    case 'ping':
      response.writeHead(200, { 'api-version': apiVersion(script), 'content-type': 'text/plain', ostype: 'linux' })
      return void response.end(request.method === 'HEAD' ? undefined : 'OK')
    case 'version':
      return json(response, {
        ...(script.store === 'podman' ? podman : { Version: '20.10.24' }),
        ApiVersion: apiVersion(script),
        MinAPIVersion: minApiVersion(script),
        Os: 'linux',
        Arch: 'amd64',
      })
    case 'info':
      return json(response, describeEngine(script, images))
    case 'df':
      return json(response, { LayersSize: sizeOf(images), Images: listed(images), Containers: [], Volumes: [], BuildCache: null })
    case 'distribution':
      // its router knows no path with a slash in the name
      if (script.store === 'podman') return void response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' }).end('Not Found\n')
      return json(response, distribution(script, name))
    case 'pull':
      return await pull({ script, images }, request, response)
    case 'list':
      return json(response, listed(images))
    case 'inspect': {
      const image = images.get(name)
      if (image === undefined) throw new EngineRefusal(404, `No such image: ${name}`)
      return json(response, script.store === 'podman' ? { ...image, Variant: undefined } : image)
    }
    case 'tag':
      images.tag(name, query['tag'] === undefined ? (query['repo'] ?? '') : `${query['repo']}:${query['tag']}`)
      return void response.writeHead(201).end()
    case 'push':
      return await push({ script, images }, request, response)
    case 'remove': {
      const id = images.get(name)?.Id
      const user = Object.entries(script.containers ?? {}).find(([reference]) => id !== undefined && images.get(reference)?.Id === id)
      return json(response, images.remove(name, user?.[1]))
    }
    case 'other':
      throw new EngineRefusal(404, 'page not found')
  }
}

async function pull({ script, images }: Engine, request: EngineRequest, response: ServerResponse): Promise<void> {
  const { fromImage = '', tag, platform } = request.query
  const separator = tag?.includes(':') === true ? '@' : ':'
  const reference = familiarName(tag === undefined || tag === '' ? fromImage : `${fromImage}${separator}${tag}`)
  const { signal } = request
  const found = script.onPull === undefined ? {} : await script.onPull({ reference, platform, signal })
  if (found === undefined) throw new EngineRefusal(404, `manifest for ${reference} not found: manifest unknown: manifest unknown`)
  const image = complete(script, reference, found, platform)
  const known = images.pull(reference, image)
  if (script.store === 'podman') {
    writeLines(response, { status: 'Download complete', progressDetail: {}, id: image.id.slice(7, 19) })
    return void response.end()
  }
  writeLines(response, { status: `Pulling from ${repositoryOf(reference)}`, id: tag ?? 'latest' })
  for (const layer of known ? [] : image.layers) {
    const id = layer.slice(7, 19)
    writeLines(response, { status: 'Pulling fs layer', progressDetail: {}, id }, { status: 'Pull complete', progressDetail: {}, id })
  }
  const outcome = known ? `Image is up to date for ${reference}` : `Downloaded newer image for ${reference}`
  writeLines(response, { status: `Digest: ${image.digest}` }, { status: `Status: ${outcome}` })
  response.end()
}

async function push({ script, images }: Engine, request: EngineRequest, response: ServerResponse): Promise<void> {
  const { name, query, registryAuth, signal } = request
  if (registryAuth === undefined) throw new EngineRefusal(400, 'Bad parameters and missing X-Registry-Auth: EOF')
  const [repository, tag, platform] = [repositoryOf(name), query['tag'] ?? 'latest', query['platform']]
  const reference = `${repository}:${tag}`
  writeLines(response, { status: `The push refers to repository [${repository}]` })
  const image = images.get(reference)
  if (image === undefined) throw new EngineRefusal(404, `tag does not exist: ${reference}`)
  const ids = image.RootFS.Layers.map((layer) => layer.slice(7, 19))
  if (script.store !== 'podman') writeLines(response, ...ids.map((id) => ({ status: 'Preparing', progressDetail: {}, id })))
  const digest = (await script.onPush?.({ repository, tag, platform, image, signal })) ?? madeUpDigest('pushed', image.Id)
  images.pushed(reference, digest)
  if (script.store !== 'podman') writeLines(response, ...ids.map((id) => ({ status: 'Pushed', progressDetail: {}, id })))
  writeLines(response, { status: `${tag}: digest: ${digest} size: 528` })
  if (script.store === undefined || script.store === 'classic')
    writeLines(response, { progressDetail: {}, aux: { Tag: tag, Digest: digest, Size: 528 } })
  response.end()
}

/** Fills in the missing fields of an image; the same reference and platform always give the same values. */
export function complete(script: EngineScript, reference: string, given: Partial<PulledEngineImage>, platform?: string): PulledEngineImage {
  const [os = 'linux', architecture = 'amd64', variant] = platform === undefined || platform === '' ? [] : platform.split('/')
  const digest = given.digest ?? digestOf(script, reference)
  const id = madeUpDigest('config', digest, os, architecture, variant ?? '')
  return {
    digest,
    id,
    os,
    architecture,
    ...(variant !== undefined && { variant }),
    size: 1000,
    layers: [madeUpDigest('layer', id)],
    ...given,
  }
}

function digestOf({ digests = {} }: EngineScript, reference: string): string {
  const familiar = familiarName(reference)
  const known = Object.entries(digests).find(([name]) => familiarName(name) === familiar)?.[1]
  return known ?? /@(.+)$/.exec(familiar)?.[1] ?? madeUpDigest('manifest', familiar)
}

function distribution(script: EngineScript, name: string): object {
  const familiar = familiarName(name)
  const platforms = Object.entries(script.platforms ?? {}).find(([reference]) => familiarName(reference) === familiar)?.[1]
  if (platforms === undefined) throw new EngineRefusal(404, 'page not found')
  const mediaType = `application/vnd.oci.image.${platforms.length > 1 ? 'index' : 'manifest'}.v1+json`
  return { Descriptor: { mediaType, digest: digestOf(script, name), size: 528 }, Platforms: platforms }
}

function describeEngine({ store, info }: EngineScript, images: EngineImages): object {
  const driver =
    store === 'containerd'
      ? { Driver: 'overlayfs', DriverStatus: [['driver-type', 'io.containerd.snapshotter.v1']] }
      : { Driver: 'overlay2', DriverStatus: [['Backing Filesystem', 'extfs']] }
  return {
    ID: 'k3s-mirror-test',
    ServerVersion: '20.10.24',
    OSType: 'linux',
    Architecture: 'x86_64',
    Images: images.list().length,
    ...driver,
    RegistryConfig: { InsecureRegistryCIDRs: ['127.0.0.0/8'], IndexConfigs: {}, Mirrors: [] },
    ...info,
  }
}

/** A list says less than an inspection, and says null or `<none>` where there is no name. */
function listed(images: EngineImages): readonly object[] {
  return images.list().map(({ Id, RepoTags, RepoDigests, Size }) => {
    const names = RepoTags.length + RepoDigests.length === 0 ? { RepoTags: ['<none>:<none>'], RepoDigests: ['<none>@<none>'] } : undefined
    const or = (list: readonly string[]): readonly string[] | null => (list.length === 0 ? null : list)
    return { Id, RepoTags: or(RepoTags), RepoDigests: or(RepoDigests), ...names, Size, Created: 0, Containers: -1 }
  })
}

function sizeOf(images: EngineImages): number {
  return images.list().reduce((sum, { Size }) => sum + Size, 0)
}

function apiVersion({ apiVersion = '1.41' }: EngineScript): string {
  return apiVersion
}

function minApiVersion({ minApiVersion = '1.12' }: EngineScript): string {
  return minApiVersion
}

function refuseVersion(script: EngineScript, { version }: EngineRequest): void {
  if (version === undefined) return
  const minor = (text: string): number => Number(text.split('.')[1])
  const [most, least] = [apiVersion(script), minApiVersion(script)]
  if (minor(version) > minor(most)) {
    throw new EngineRefusal(400, `client version ${version} is too new. Maximum supported API version is ${most}`)
  }
  if (minor(version) < minor(least)) {
    const advice = 'please upgrade your client to a newer version'
    throw new EngineRefusal(400, `client version ${version} is too old. Minimum supported API version is ${least}, ${advice}`)
  }
}

/** Reports an error: with a status before the answer has begun, and in its stream after that. */
export function failed(response: ServerResponse): (error: unknown) => void {
  return (error) => {
    // the client is gone
    if (response.destroyed) return
    const message = error instanceof Error ? error.message : String(error)
    if (response.headersSent) {
      writeLines(response, { errorDetail: { message }, error: message })
      return void response.end()
    }
    json(response, { message }, error instanceof EngineRefusal ? error.status : 500)
  }
}

function json(response: ServerResponse, document: object, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(document))
}
