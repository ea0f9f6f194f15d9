import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { answer, complete, failed, type Engine } from './engine-answers.ts'
import { EngineImages, type EngineImage } from './engine-images.ts'
import type { EngineCall, EngineRequest, EngineScript } from './engine-script.ts'
import { tempDir } from './temp-dir.ts'

/** A running Engine whose answers the test writes. */
export interface ScriptedEngine extends AsyncDisposable {
  /** Path of its socket. */
  readonly socket: string
  /** `unix://<socket>`, for DOCKER_HOST. */
  readonly host: string
  readonly requests: readonly EngineRequest[]
  images(): readonly EngineImage[]
  /** Takes an image or one of its names away, as another user of the Engine would. */
  remove(name: string): void
}

/** Starts an HTTP server on a unix socket that plays a Docker Engine; an override that throws answers 500 with the error's text. */
export async function startScriptedEngine(script: EngineScript = {}): Promise<ScriptedEngine> {
  const directory = await tempDir()
  const socket = `${directory.path}/docker.sock`
  const engine: Engine = { script, images: new EngineImages() }
  for (const [name, image] of Object.entries(script.images ?? {})) engine.images.pull(name, complete(script, name, image))
  const queues = new Map(Object.entries(script.overrides ?? {}).map(([call, use]) => [call, typeof use === 'function' ? use : [...use]]))
  const requests: EngineRequest[] = []
  const answerOne = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const request = await record(incoming, response)
    requests.push(request)
    const use = queues.get(request.call)
    const override = typeof use === 'function' ? use : use?.shift()
    if (override === undefined) return await answer(engine, request, response)
    await override(request, response, () => void answer(engine, request, response).catch(failed(response)))
  }
  const server = createServer((incoming, response) => void answerOne(incoming, response).catch(failed(response)))
  const sockets = new Set<Socket>()
  server.on('connection', (connection: Socket) => {
    sockets.add(connection)
    connection.once('close', () => sockets.delete(connection))
  })
  server.listen(socket)
  await once(server, 'listening')
  return {
    socket,
    host: `unix://${socket}`,
    requests,
    images: () => engine.images.list(),
    remove: (name) => void engine.images.remove(name),
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      for (const connection of sockets) connection.destroy()
      await closed
      await directory[Symbol.asyncDispose]()
    },
  }
}

const routes: readonly (readonly [EngineCall, string, RegExp])[] = [
  ['ping', 'GET', /^\/_ping$/],
  ['ping', 'HEAD', /^\/_ping$/],
  ['version', 'GET', /^\/version$/],
  ['info', 'GET', /^\/info$/],
  ['df', 'GET', /^\/system\/df$/],
  ['distribution', 'GET', /^\/distribution\/(.+)\/json$/],
  ['pull', 'POST', /^\/images\/create$/],
  ['list', 'GET', /^\/images\/json$/],
  ['inspect', 'GET', /^\/images\/(.+)\/json$/],
  ['tag', 'POST', /^\/images\/(.+)\/tag$/],
  ['push', 'POST', /^\/images\/(.+)\/push$/],
  ['remove', 'DELETE', /^\/images\/(.+)$/],
]

async function record(incoming: IncomingMessage, response: ServerResponse): Promise<EngineRequest> {
  const { method = '', url = '', headers } = incoming
  const left = new AbortController()
  response.on('close', () => {
    if (!response.writableFinished) left.abort()
  })
  const { pathname, searchParams } = new URL(url, 'http://docker')
  const [, version, path = ''] = /^(?:\/v(\d+\.\d+))?(\/.*)$/.exec(decodeURIComponent(pathname)) ?? []
  const route = routes.find(([, verb, pattern]) => verb === method && pattern.test(path))
  const auth = headers['x-registry-auth']
  return {
    call: route?.[0] ?? 'other',
    method,
    path,
    version,
    query: Object.fromEntries(searchParams),
    name: route?.[2].exec(path)?.[1] ?? '',
    registryAuth: typeof auth === 'string' ? auth : undefined,
    body: await text(incoming),
    signal: left.signal,
  }
}
