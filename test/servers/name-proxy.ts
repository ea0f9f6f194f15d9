import { createServer, request as httpRequest } from 'node:http'
import { connect, type Socket } from 'node:net'
import { listen } from './listen.ts'

/** A proxy that stands for the network outside: programs that honour HTTPS_PROXY reach nothing but what it knows. */
export interface NameProxy extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string
  /** `host:port` of every connection and plain request so far, known or not. */
  readonly asked: readonly string[]
}

/**
 * Starts a proxy that leads each `host:port` of the table to a `127.0.0.1:<port>` and refuses all others with 502.
 * Go programs ask no proxy for localhost and loopback addresses.
 */
export async function startNameProxy(names: Readonly<Record<string, string>> = {}): Promise<NameProxy> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '')
    const name = `${url.hostname}:${url.port === '' ? 80 : url.port}`
    asked.push(name)
    const target = names[name]
    if (target === undefined) return void response.writeHead(502).end(`no way to ${name}`)
    const { method, headers } = request
    const onward = httpRequest(`http://${target}${url.pathname}${url.search}`, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    onward.on('error', () => response.destroy())
    request.pipe(onward)
  })
  server.on('connect', (request, socket: Socket) => {
    const name = request.url ?? ''
    asked.push(name)
    socket.on('error', () => socket.destroy())
    const target = names[name]
    if (target === undefined) return void socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n')
    tunnel(socket, target)
  })
  const { port, close } = await listen(server)
  return { url: `http://127.0.0.1:${port}`, asked, [Symbol.asyncDispose]: close }
}

function tunnel(socket: Socket, target: string): void {
  const { hostname, port } = new URL(`tcp://${target}`)
  const onward = connect(Number(port), hostname)
  onward.once('connect', () => {
    socket.write('HTTP/1.1 200 Connection Established\r\n\r\n')
    socket.pipe(onward).pipe(socket)
  })
  onward.on('error', () => socket.destroy())
  onward.on('close', () => socket.destroy())
  socket.on('close', () => onward.destroy())
}
