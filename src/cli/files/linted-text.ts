import { dirname, resolve } from 'node:path'
import { addAbortSignal } from 'node:stream'
import { MirrorError } from '../../errors.ts'
import { decodeRegistriesText, maxRegistriesBytes, readRegistriesText } from '../../registries-yaml/read/read-registries.ts'
import { defaultRegistriesFile } from '../../registries-yaml/registries.ts'

async function readInput(signal: AbortSignal): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of addAbortSignal(signal, process.stdin) as AsyncIterable<Uint8Array>) {
    chunks.push(chunk)
    size += chunk.length
    if (size <= maxRegistriesBytes) continue
    throw new MirrorError('INVALID_CONFIG', 'standard input: it is larger than 256 KiB', { hint: 'Give the text of one registries.yaml.' })
  }
  return decodeRegistriesText(Buffer.concat(chunks), 'standard input')
}

/** Reads a file, or standard input for `-`, with its permission bits where they say something about a node; throws INVALID_CONFIG. */
export async function readLintedText(
  file: string,
  { isOfThisMachine, signal }: { readonly isOfThisMachine: boolean; readonly signal: AbortSignal },
): Promise<{ readonly text: string; readonly mode?: number | undefined }> {
  if (file === '-') return { text: await readInput(signal) }
  const { text, mode } = await readRegistriesText(file, { signal })
  // Elsewhere it is a draft or an example, which a node will have with other permissions.
  const isInPlace = resolve(file).startsWith(`${dirname(dirname(defaultRegistriesFile))}/`)
  return { text, mode: isOfThisMachine && isInPlace ? mode : undefined }
}
