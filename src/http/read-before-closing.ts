import type { Socket } from 'node:net'

/**
 * Makes a socket whose writing fails read what has come before it closes. A server that refuses an upload and closes the connection
 * has sent its answer; Node would throw it away with the socket as soon as the next write fails.
 */
export function readBeforeClosing(socket: Socket): void {
  const destroy = socket.destroy.bind(socket)
  let isLast = false
  socket.destroy = (error?: Error & { readonly syscall?: string }): Socket => {
    if (error?.syscall !== 'write' || isLast) return destroy(error)
    isLast = true
    socket.resume()
    // Between two turns of the event loop everything is read that the kernel holds.
    setImmediate(() => setImmediate(() => destroy(error)))
    return socket
  }
}
