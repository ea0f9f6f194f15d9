import { once } from 'node:events'
import { createServer } from 'node:http'
import { errnoOf } from '../../layout/local-io.ts'
import { listenError } from '../../registry-server/listen-error.ts'
import { metricsType } from '../../registry-server/metrics.ts'
import { listenHint } from '../output/listen-hint.ts'

/** A server that is listening. */
export interface StatusServer extends AsyncDisposable {
  readonly url: string
}

/** Connections at once; a scraper and a probe need two. */
const mostConnections = 64

/** Serves `/healthz`, which answers as long as the process works, and `/metrics`. Throws LOCAL_IO for an address that cannot be listened on. */
export async function startStatusServer(
  { host, port }: { readonly host: string; readonly port: number },
  renderMetrics: () => string,
): Promise<StatusServer> {
  const server = createServer((request, response) => {
    const [path = ''] = (request.url ?? '').split('?', 1)
    const pages: Readonly<Record<string, () => readonly [type: string, text: string]>> = {
      '/healthz': () => ['text/plain; charset=utf-8', 'ok\n'],
      '/metrics': () => [metricsType, renderMetrics()],
    }
    const page = Object.hasOwn(pages, path) ? pages[path] : undefined
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    const status = page === undefined ? 404 : isRead ? 200 : 405
    const [type, text] = status === 200 && page !== undefined ? page() : ['text/plain; charset=utf-8', 'see /healthz and /metrics\n']
    response.writeHead(status, {
      'content-type': type,
      'content-length': Buffer.byteLength(text),
      ...(status === 405 && { allow: 'GET, HEAD' }),
    })
    response.end(request.method === 'HEAD' ? undefined : text)
    request.resume()
  })
  server.maxConnections = mostConnections
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (cause) {
    throw listenError(host, port, cause).with({ hint: listenHint({ host, port }, errnoOf(cause)) })
  }
  // A failure to accept, such as a lack of file descriptors, must not end the process.
  server.on('error', () => undefined)
  const bound = server.address()
  const { port: chosen, address, family } = typeof bound === 'object' && bound !== null ? bound : { port, address: host, family: 'IPv4' }
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${chosen}`,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}
