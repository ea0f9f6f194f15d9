import { createServer, connect, type Socket } from 'node:net'
import { listen } from '../../test/servers/listen.ts'

/** A line to a server that is far away. */
export interface DelayProxy extends AsyncDisposable {
  /** `127.0.0.1:<port>`. */
  readonly host: string
  /** Connections and bytes since the last call of `reset`. */
  readonly counts: ProxyCounts
  reset(): void
}

/** What went over the line. */
export interface ProxyCounts {
  readonly connections: number
  readonly bytesToServer: number
  readonly bytesToClient: number
}

/** Unsent bytes of one direction at which its sender is made to wait. */
const mostInFlight = 4 * 1024 * 1024

/** Passes everything on so many milliseconds later, in order, as much as the sender likes at once: a line with latency and without a limit of its own. */
function delayed(from: Socket, to: Socket, milliseconds: number, count: (bytes: number) => void): void {
  let inFlight = 0
  from.on('data', (bytes: Buffer) => {
    count(bytes.length)
    inFlight += bytes.length
    if (inFlight > mostInFlight) from.pause()
    setTimeout(() => {
      if (to.destroyed) return
      to.write(bytes, () => {
        inFlight -= bytes.length
        if (inFlight <= mostInFlight) from.resume()
      })
    }, milliseconds)
  })
  from.on('end', () => setTimeout(() => to.end(), milliseconds))
  from.on('error', () => to.destroy())
  from.on('close', () => setTimeout(() => to.destroy(), milliseconds))
}

/** Starts a proxy on a free loopback port that delays each direction by so many milliseconds; the three-way handshake itself is not delayed. */
export async function delayProxy(server: string, milliseconds: number): Promise<DelayProxy> {
  const [host = '', port = ''] = server.split(':')
  let counts = { connections: 0, bytesToServer: 0, bytesToClient: 0 }
  const { port: own, close } = await listen(
    createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
      counts.connections++
      const origin = connect({ host, port: Number(port), allowHalfOpen: true, noDelay: true })
      delayed(client, origin, milliseconds, (bytes) => (counts.bytesToServer += bytes))
      delayed(origin, client, milliseconds, (bytes) => (counts.bytesToClient += bytes))
    }),
  )
  return {
    host: `127.0.0.1:${own}`,
    get counts() {
      return counts
    },
    reset() {
      counts = { connections: 0, bytesToServer: 0, bytesToClient: 0 }
    },
    [Symbol.asyncDispose]: close,
  }
}
