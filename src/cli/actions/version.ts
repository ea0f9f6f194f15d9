import { readFile } from 'node:fs/promises'
import { version } from '../../version.ts'
import type { CliProcess } from '../cli-process.ts'
import { exitCodes } from '../exit-code.ts'

/** The commit that the build has recorded; undefined where it was not built in a checkout. */
async function builtCommit(): Promise<string | undefined> {
  const text = await readFile(new URL('commit.txt', import.meta.url), 'utf8').catch(() => '')
  return text.trim() === '' ? undefined : text.trim()
}

/** Prints the version, the commit and the version of Node.js. */
export async function runVersion(cli: CliProcess): Promise<void> {
  const commit = await builtCommit()
  const node = process.versions.node
  cli.show({ schemaVersion: 1, command: 'version', version, ...(commit !== undefined && { commit }), node }, () =>
    [`k3s-mirror ${version}`, ...(commit === undefined ? [] : [`commit ${commit}`]), `Node.js ${node}`, ''].join('\n'),
  )
  cli.exit(exitCodes.done)
}
