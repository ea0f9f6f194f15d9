import { readFile, stat } from 'node:fs/promises'
import { MirrorError } from '../../errors.ts'
import { followLinks, refusePlanted } from '../../layout/planted-files.ts'
import { replaceFile } from '../../layout/replace-file.ts'
import { decodeRegistriesText } from '../../registries-yaml/read/read-registries.ts'
import { fileError } from './file-error.ts'

/** The text in the encoding of the file, which its first two bytes show. */
function encodeLike(text: string, [first, second]: Uint8Array): Uint8Array {
  if (first === 0xff && second === 0xfe) return Buffer.from(text, 'utf16le')
  return first === 0xfe && second === 0xff ? Buffer.from(text, 'utf16le').swap16() : Buffer.from(text)
}

/** Replaces the text of a file, whole or not at all; links, permissions, owner and encoding stay. Throws USAGE for a file that has changed since it was read, and LOCAL_IO. */
export async function rewriteFile(path: string, before: string, after: string): Promise<void> {
  const target = await followLinks(path)
  await refusePlanted(target)
  try {
    const like = await stat(target)
    const bytes = await readFile(target)
    if (decodeRegistriesText(bytes, path) !== before) {
      const hint = 'run the command again'
      throw new MirrorError('USAGE', `cannot write ${path}: it has changed since it was read; nothing was written`, { hint })
    }
    await replaceFile(target, encodeLike(after, bytes), { mode: 0o600, like })
  } catch (error) {
    throw fileError('write', path, error)
  }
}
