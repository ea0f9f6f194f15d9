import { Connection } from './connection.ts'
import type { SocketRoute } from './open-socket.ts'

/** Milliseconds an unused connection is kept; servers close theirs after 5 s and more. */
const keepAliveTimeout = 4000

/** The idle connections to one origin. */
export class ConnectionPool {
  readonly #route: SocketRoute
  readonly #idle: { readonly connection: Connection; readonly timer: NodeJS.Timeout }[] = []

  constructor(route: SocketRoute) {
    this.#route = route
  }

  /** The connection that was used last, or a new one. */
  async take(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<{ connection: Connection; reused: boolean }> {
    for (let entry = this.#idle.pop(); entry !== undefined; entry = this.#idle.pop()) {
      clearTimeout(entry.timer)
      if (!entry.connection.closed) return { connection: entry.connection, reused: true }
    }
    return { connection: await Connection.open(this.#route, options), reused: false }
  }

  /** Gives a connection back for the next request. */
  give(connection: Connection): void {
    if (connection.closed) return
    const timer = setTimeout(() => connection.destroy(), keepAliveTimeout).unref()
    this.#idle.push({ connection, timer })
  }

  /** Closes every idle connection. */
  close(): void {
    for (const { connection, timer } of this.#idle.splice(0)) {
      clearTimeout(timer)
      connection.destroy()
    }
  }
}
