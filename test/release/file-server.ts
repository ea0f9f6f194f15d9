import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { HttpClient } from '../../src/http/http-client.ts'
import { scriptedServer, type ScriptedRequest, type ScriptedServer } from '../servers/scripted-server.ts'

/** What the server answers at one path: a body with status 200, or all of it, or one answer after the other. */
export type Answer = string | Uint8Array | FullAnswer | readonly FullAnswer[]

/** An answer in full. */
export interface FullAnswer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

/** Answers by undecoded path; 404 for every other one. The last of several answers is repeated. */
export async function fileServer(answers: Readonly<Record<string, Answer>>): Promise<ScriptedServer> {
  const counts = new Map<string, number>()
  return scriptedServer((request, response) => {
    const answer = answers[request.url]
    const count = counts.get(request.url) ?? 0
    counts.set(request.url, count + 1)
    const { status = 200, headers = {}, body = '' } = pick(answer, count)
    response.writeHead(status, { ...headers }).end(body)
  })
}

function pick(answer: Answer | undefined, count: number): FullAnswer {
  if (answer === undefined) return { status: 404, body: 'Not Found' }
  if (typeof answer === 'string' || answer instanceof Uint8Array) return { body: answer }
  if (!Array.isArray(answer)) return answer as FullAnswer
  const several = answer as readonly FullAnswer[]
  return several[Math.min(count, several.length - 1)] ?? {}
}

/** Paths that were asked for, in order. */
export function paths(requests: readonly ScriptedRequest[]): readonly string[] {
  return requests.map(({ url }) => url)
}

/** A client that is closed with its scope. */
export function testClient(): HttpClient & AsyncDisposable {
  const client = new HttpClient()
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.close() })
}

/** Lower-case hex. */
export function sha256Hex(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Bytes of a real list: `k3s-images.v1.37.1+k3s1.txt`. */
export async function fixture(name: string): Promise<Buffer> {
  return readFile(new URL(`../../fixtures/release/${name}`, import.meta.url))
}

/** Retries without waiting. */
export const atOnce = { retries: 2, baseDelay: 1, maxDelay: 1 }
