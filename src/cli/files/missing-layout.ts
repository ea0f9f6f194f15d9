import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { MirrorError } from '../../errors.ts'
import { editDistance } from '../../oci/nearest.ts'

const mostLooked = 1000
const mostNamed = 3

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true
}

/** Layouts and bundles in a directory, by their paths. */
async function servableIn(directory: string, names: readonly string[]): Promise<readonly string[]> {
  const found: string[] = []
  for (const name of names.slice(0, mostLooked)) {
    const path = join(directory, name)
    const isBundle = /\.tar(?:\.gz|\.zst)?$/.test(name) && (await isFile(path))
    if (isBundle || (await isFile(join(path, 'oci-layout')))) found.push(path)
    if (found.length === mostNamed) break
  }
  return found
}

/** True for a name that may be a misspelling of the other. */
function isSimilar(name: string, typed: string): boolean {
  return editDistance(name, typed) <= Math.max(2, Math.floor(typed.length / 3))
}

function didYouMean(paths: readonly string[]): string {
  return paths.length === 0 ? '' : `Did you mean ${paths.join(' or ')}? `
}

/** The error for a place to serve that is neither a layout nor a bundle; names those nearby. */
export async function missingLayout(place: string, cause: unknown): Promise<MirrorError> {
  const names = await readdir(place).catch(() => undefined)
  const fail = (message: string, hint: string): MirrorError => new MirrorError('NOT_FOUND', message, { hint, cause })
  if (names === undefined) {
    const parent = dirname(place)
    const near = (await readdir(parent).catch(() => [])).filter((name) => isSimilar(name, basename(place)))
    const others = await servableIn(parent, near)
    const create = `pass --writable to create an empty layout at ${place}`
    return fail(`${place} does not exist`, others.length === 0 ? `check the path, or ${create}` : `${didYouMean(others)}Or ${create}`)
  }
  const what = `${place} is not an OCI layout`
  if (names.length === 0) {
    const hint = `pass --writable to create a layout there, or copy images into it first: k3s-mirror mirror --release stable --to oci:${place}`
    return fail(`${what}: the directory is empty`, hint)
  }
  const inside = await servableIn(place, names)
  return fail(
    `${what}: the file oci-layout is missing`,
    inside.length === 0 ? 'pass a directory that contains oci-layout and index.json, or a bundle' : didYouMean(inside).trim(),
  )
}

/** The layout whose own file a path names, as `site/index.json` does; undefined for anything else. */
export async function layoutOfFile(path: string): Promise<string | undefined> {
  const isPart = ['index.json', 'oci-layout'].includes(basename(path))
  return isPart && (await isFile(join(dirname(path), 'oci-layout'))) ? dirname(path) : undefined
}
