import { addAbortSignal } from 'node:stream'

/** All of standard input; undefined where it has more than so many bytes. */
export async function readStandardInput(most: number, signal: AbortSignal): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of addAbortSignal(signal, process.stdin) as AsyncIterable<Uint8Array>) {
    chunks.push(chunk)
    size += chunk.length
    if (size > most) return undefined
  }
  return Buffer.concat(chunks)
}
