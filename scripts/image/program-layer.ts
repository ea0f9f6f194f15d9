import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { projectRoot } from '../build-cli.ts'
import type { LayerEntry } from './layer.ts'

/** The number of the user and of the group that the image runs as: "nonroot", as in other images without a shell. */
export const userId = 65532

/** Docker's config.json is looked for below it, in `.docker`. */
export const home = '/home/nonroot'

/** Where the program starts, and where volumes are mounted. A new volume takes its owner from this directory. */
export const dataDirectory = '/data'

/** Where the program is in the image. */
export const programPath = '/usr/local/bin/k3s-mirror'

/** The program, its licences, and the directories that belong to its user. */
export async function programFiles(program: Buffer): Promise<readonly LayerEntry[]> {
  const licences = ['LICENSE', 'build/THIRD-PARTY-NOTICES.txt'].map((name) => readBuilt(name, 'npm run package'))
  return [
    { path: programPath.slice(1), bytes: program, mode: 0o755 },
    { path: home.slice(1), owner: userId },
    { path: dataDirectory.slice(1), owner: userId },
    { path: 'usr/share/doc/k3s-mirror/copyright', bytes: Buffer.concat(await Promise.all(licences)) },
  ]
}

/** A file of this checkout. Throws an Error that names what writes it. */
export async function readBuilt(path: string, command: string): Promise<Buffer> {
  return readFile(join(projectRoot, path)).catch((cause: unknown) => {
    throw new Error(`${path} is missing: run ${command}`, { cause })
  })
}
