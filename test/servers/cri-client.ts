import { fileURLToPath } from 'node:url'
import { Client, credentials, type MethodDefinition, type ServiceError } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'

/** What a kubelet sends along from an imagePullSecret; one of username with password, `auth` or `identityToken`. */
export interface PullCredentials {
  readonly username?: string
  readonly password?: string
  /** Base64 of `username:password`. */
  readonly auth?: string
  readonly serverAddress?: string
  readonly identityToken?: string
}

/** An image as the runtime knows it. */
export interface CriImage {
  /** Digest of the image's configuration. */
  readonly id: string
  /** Full references with a tag. */
  readonly repoTags: readonly string[]
  /** Full references with a digest. */
  readonly repoDigests: readonly string[]
  /** Bytes as they were pulled. */
  readonly size: number
}

/** A connection to the runtime's CRI services; every call rejects with the runtime's own words. */
export interface CriClient extends Disposable {
  /** Name and version of the runtime. */
  version(): Promise<{ readonly runtimeName: string; readonly runtimeVersion: string }>
  /** containerd's own word on what its CRI plugin goes by; it holds passwords. Rejects until the plugin is ready. */
  config(): Promise<Readonly<Record<string, unknown>>>
  /** Gives the id of the pulled image. */
  pullImage(reference: string, auth?: PullCredentials): Promise<string>
  /** Undefined when the image is not there. */
  imageStatus(reference: string): Promise<CriImage | undefined>
  listImages(): Promise<readonly CriImage[]>
  removeImage(reference: string): Promise<void>
}

const file = fileURLToPath(new URL('../../fixtures/servers/cri.proto', import.meta.url))
const services = loadSync(file, { keepCase: false, longs: Number, defaults: true, arrays: true, objects: false })

/** Longest wait for one answer, ms. */
const patience = 30_000

/** Opens a client on a Unix socket: https://github.com/kubernetes/cri-api, package runtime.v1. */
export function openCriClient(socket: string): CriClient {
  const client = new Client(`unix:${socket}`, credentials.createInsecure())
  async function call<Answer>(name: string, request: object): Promise<Answer> {
    const { path, requestSerialize, responseDeserialize } = method(name)
    return new Promise<Answer>((resolve, reject) => {
      const settle = (error: ServiceError | null, answer?: object): void => {
        if (error === null) resolve(answer as Answer)
        else reject(new Error(`${name}: ${error.details}`, { cause: error }))
      }
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, { deadline: Date.now() + patience }, settle)
    })
  }
  const spec = (reference: string): object => ({ image: { image: reference } })
  return {
    version: () => call('RuntimeService.Version', {}),
    async config() {
      const { info } = await call<{ info: { config?: string } }>('RuntimeService.Status', { verbose: true })
      return JSON.parse(info.config ?? '{}') as Record<string, unknown>
    },
    async pullImage(reference, auth) {
      const { imageRef } = await call<{ imageRef: string }>('ImageService.PullImage', { ...spec(reference), ...(auth && { auth }) })
      return imageRef
    },
    async imageStatus(reference) {
      const { image } = await call<{ image: CriImage | null }>('ImageService.ImageStatus', spec(reference))
      return image ?? undefined
    },
    listImages: async () => (await call<{ images: readonly CriImage[] }>('ImageService.ListImages', {})).images,
    async removeImage(reference) {
      await call('ImageService.RemoveImage', spec(reference))
    },
    [Symbol.dispose]: () => client.close(),
  }
}

function method(name: string): MethodDefinition<object, object> {
  const [service = '', method = ''] = name.split('.')
  const definition = services[`runtime.v1.${service}`]
  const found = definition === undefined || 'format' in definition ? undefined : definition[method]
  if (found === undefined) throw new Error(`cri.proto has no ${name}`)
  return found
}
