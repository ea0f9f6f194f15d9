import { dirname, resolve } from 'node:path'
import { addAbortSignal } from 'node:stream'
import { MirrorError } from '../../errors.ts'
import { decodeRegistriesText, maxRegistriesBytes, readRegistriesText } from '../../registries-yaml/read/read-registries.ts'
import { defaultRegistriesFile } from '../../registries-yaml/registries.ts'

/** The text of a registries.yaml that is to be judged. */
export interface LintedText {
  readonly text: string
  /** Permission bits; undefined where they say nothing about a node. */
  readonly mode?: number | undefined
}

async function readInput(signal: AbortSignal): Promise<LintedText> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of addAbortSignal(signal, process.stdin) as AsyncIterable<Uint8Array>) {
    chunks.push(chunk)
    size += chunk.length
    if (size > maxRegistriesBytes) {
      throw new MirrorError('INVALID_CONFIG', 'standard input: it is larger than 256 KiB', {
        hint: 'Give the text of one registries.yaml.',
      })
    }
  }
  return { text: decodeRegistriesText(Buffer.concat(chunks), 'standard input') }
}

async function readFile(path: string, isOfThisMachine: boolean, signal: AbortSignal): Promise<LintedText> {
  const { text, mode } = await readRegistriesText(path, { signal })
  // Elsewhere it is a draft or an example, which a node will have with other permissions.
  const isInPlace = resolve(path).startsWith(`${dirname(dirname(defaultRegistriesFile))}/`)
  return { text, mode: isOfThisMachine && isInPlace ? mode : undefined }
}

/** Reads a file, or standard input for `-`; throws INVALID_CONFIG. */
export function readLintedText(
  file: string,
  { isOfThisMachine, signal }: { readonly isOfThisMachine: boolean; readonly signal: AbortSignal },
): Promise<LintedText> {
  return file === '-' ? readInput(signal) : readFile(file, isOfThisMachine, signal)
}
