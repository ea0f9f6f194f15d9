import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { endProcess } from './server-process.ts'

/** A port whose packets are dropped. */
export interface BlackHole extends AsyncDisposable {
  /** `127.0.0.1:<port>`. */
  readonly host: string
}

/** Connections that a stopped program's queue takes: one more than its backlog. */
const queued = 2

const program = `const server = require('node:net').createServer()
server.listen({ port: 0, host: '127.0.0.1', backlog: ${queued - 1} }, () => console.log(server.address().port))`

/** Starts a program that listens, stops it, and fills its queue: Linux drops what asks for a connection from then on. */
export async function blackHole(): Promise<BlackHole> {
  const child = spawn(process.execPath, ['--eval', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  const port = Number(line)
  child.kill('SIGSTOP')
  const sockets: Socket[] = []
  for (let index = 0; index < queued; index++) {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined)
    sockets.push(socket)
    await once(socket, 'connect')
  }
  return {
    host: `127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await endProcess(child, 0, 'SIGKILL')
    },
  }
}
