import { connect, type Socket } from 'node:net'

/** Opens a connection whose errors are ignored. */
export async function dial(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => undefined)
  await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve))
  return socket
}

/** The head of a request. */
export function head(method: string, path: string, headers: Readonly<Record<string, string | number>> = {}): string {
  const lines = Object.entries({ host: 'x', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`)
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`
}

/** What comes until the text has this, or the connection ends. */
export function readUntil(socket: Socket, wanted: RegExp): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    const end = (): void => {
      socket.off('data', take).off('close', end).pause()
      resolve(text)
    }
    const take = (chunk: Buffer): void => {
      text += chunk.toString('latin1')
      if (wanted.test(text)) end()
    }
    socket.on('data', take).on('close', end).resume()
  })
}

/** Sends this on a connection of its own, waits until the server has answered something where it is asked to, and resets the connection. */
export async function sendAndReset(
  url: string,
  parts: readonly (string | Uint8Array)[],
  until: 'answered' | 'sent' = 'answered',
): Promise<void> {
  const socket = await dial(url)
  const answered = new Promise((resolve) => socket.once('data', resolve).once('close', resolve))
  const sent = Promise.all(parts.map((part) => new Promise((resolve) => socket.write(part, resolve))))
  await (until === 'answered' ? answered : sent)
  socket.resetAndDestroy()
}

/** Runs this so many times, so many at once, or until it says false. */
export async function repeat(count: number, atOnce: number, work: () => Promise<boolean | void>): Promise<void> {
  let left = count
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (left-- > 0 && (await work()) !== false);
    }),
  )
}
