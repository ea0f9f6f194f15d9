import type { Server } from 'node:https'
import type { Socket } from 'node:net'

const body = 'This server requires HTTPS: use https:// instead of http://\n'

const response = [
  'HTTP/1.1 400 Bad Request',
  'content-type: text/plain; charset=utf-8',
  `content-length: ${body.length}`,
  'connection: close',
  '',
  body,
].join('\r\n')

const lingerMilliseconds = 2000

/** The same for a connection and for TLS over it. */
function addressOf({ remoteAddress = '', remotePort = 0 }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}

/** Answers plain HTTP on a port of HTTPS with 400 and a sentence; Node itself only closes the connection. */
export function answerPlainHttp(server: Server): void {
  const handshakes = new Map<string, Socket>()
  server.on('connection', (socket: Socket) => {
    const address = addressOf(socket)
    handshakes.set(address, socket)
    socket.once('close', () => handshakes.delete(address))
  })
  server.on('secureConnection', (socket) => handshakes.delete(addressOf(socket)))
  server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
    if (error.code !== 'ERR_SSL_HTTP_REQUEST') return
    const plain = handshakes.get(addressOf(socket))
    plain?.setTimeout(lingerMilliseconds, () => plain.destroy())
    plain?.end(response)
  })
}
