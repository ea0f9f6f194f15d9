import { readFile } from 'node:fs/promises'

/** The commit that the build has recorded; undefined where it was not built in a checkout. */
export async function builtCommit(): Promise<string | undefined> {
  const text = await readFile(new URL('commit.txt', import.meta.url), 'utf8').catch(() => '')
  return text.trim() === '' ? undefined : text.trim()
}
