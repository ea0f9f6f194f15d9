import { readdir, readlink } from 'node:fs/promises'

/** What a process has open, by its descriptors: paths of files, and `socket:[…]` and the like. */
export async function openFiles(pid: number | 'self'): Promise<string[]> {
  const directory = `/proc/${pid}/fd`
  const links = await Promise.all((await readdir(directory)).map((name) => readlink(`${directory}/${name}`).catch(() => undefined)))
  return links.filter((link) => link !== undefined)
}

/** The files of a directory that this process has open. */
export async function openFilesOf(directory: string): Promise<string[]> {
  return (await openFiles('self')).filter((path) => path.startsWith(`${directory}/`))
}
