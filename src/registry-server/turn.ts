import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { MirrorError } from '../errors.ts'

/** Requests that a client may send ahead of an answer; each takes memory. */
const mostAhead = 64

const lastAnswers = new WeakMap<Socket, Promise<void>>()
const sentAhead = new WeakMap<Socket, number>()

async function untilSent(before: Promise<void> | undefined, socket: Socket, response: ServerResponse): Promise<void> {
  await before
  // Of an answer that waits behind others when its connection is lost, some versions of Node say nothing.
  if (socket.destroyed || response.closed) return
  await new Promise((resolve) => response.once('close', resolve))
}

/**
 * Waits until every answer before this one has left its connection: a client may send its next requests ahead, and what they open would be held
 * until then. Throws CANCELLED where the client went away meanwhile, or sent so many ahead that its connection was closed.
 */
export async function awaitTurn({ socket }: IncomingMessage, response: ServerResponse): Promise<void> {
  const before = lastAnswers.get(socket)
  lastAnswers.set(socket, untilSent(before, socket, response))
  const ahead = (sentAhead.get(socket) ?? 0) + 1
  sentAhead.set(socket, ahead)
  if (ahead > mostAhead) socket.destroy()
  await before
  sentAhead.set(socket, (sentAhead.get(socket) ?? 1) - 1)
  if (response.socket === null || socket.destroyed) throw new MirrorError('CANCELLED', 'the client went away before its turn')
}
