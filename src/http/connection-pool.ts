import { Connection } from './connection.ts'
import type { SocketRoute } from './open-socket.ts'

/** Milliseconds an unused connection is kept; servers close theirs after 5 s and more. */
const keepAliveTimeout = 4000

/** The connections to one origin. */
export class ConnectionPool {
  readonly #route: SocketRoute
  readonly #busy = new Set<Connection>()
  readonly #idle: { readonly connection: Connection; readonly timer: NodeJS.Timeout }[] = []

  #closed = false

  constructor(route: SocketRoute) {
    this.#route = route
  }

  /** The connection that was used last, or a new one. */
  async take(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<{ connection: Connection; reused: boolean }> {
    for (let entry = this.#idle.pop(); entry !== undefined; entry = this.#idle.pop()) {
      clearTimeout(entry.timer)
      if (entry.connection.closed) continue
      this.#busy.add(entry.connection)
      return { connection: entry.connection, reused: true }
    }
    const connection = await Connection.open(this.#route, options)
    this.#busy.add(connection)
    if (this.#closed) connection.destroy()
    return { connection, reused: false }
  }

  /** Gives a connection back for the next request; one that can carry none is dropped. */
  give(connection: Connection): void {
    this.#busy.delete(connection)
    if (connection.closed) return
    const timer = setTimeout(() => connection.destroy(), keepAliveTimeout).unref()
    this.#idle.push({ connection, timer })
  }

  /** Closes every connection; requests that are under way fail. */
  close(): void {
    this.#closed = true
    for (const connection of this.#busy) connection.destroy()
    for (const { connection, timer } of this.#idle.splice(0)) {
      clearTimeout(timer)
      connection.destroy()
    }
  }
}
