import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { MirrorError } from '../errors.ts'

const lastAnswers = new WeakMap<Socket, Promise<void>>()

async function untilSent(before: Promise<void> | undefined, socket: Socket, response: ServerResponse): Promise<void> {
  await before
  // Of an answer that waits behind others when its connection is lost, some versions of Node say nothing.
  if (socket.destroyed || response.closed) return
  await new Promise((resolve) => response.once('close', resolve))
}

/**
 * Waits until every answer before this one has left its connection: a client may send its next requests ahead, and what they open would be held
 * until then. Throws CANCELLED where the client went away meanwhile.
 */
export async function awaitTurn({ socket }: IncomingMessage, response: ServerResponse): Promise<void> {
  const before = lastAnswers.get(socket)
  lastAnswers.set(socket, untilSent(before, socket, response))
  await before
  if (response.socket === null) throw new MirrorError('CANCELLED', 'the client went away before its turn')
}
