import { version } from '../../version.ts'
import type { CliProcess } from '../cli-process.ts'
import { exitCodes } from '../exit-code.ts'
import { builtCommit } from '../files/built-commit.ts'

/** Prints the version, the commit and the version of Node.js. */
export async function runVersion(cli: CliProcess): Promise<void> {
  const commit = await builtCommit()
  const node = process.versions.node
  cli.show({ schemaVersion: 1, command: 'version', version, ...(commit !== undefined && { commit }), node }, () =>
    [`k3s-mirror ${version}`, ...(commit === undefined ? [] : [`commit ${commit}`]), `Node.js ${node}`, ''].join('\n'),
  )
  cli.exit(exitCodes.done)
}
