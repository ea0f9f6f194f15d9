import { dirname, join } from 'node:path/posix'
import type { FileSet } from './find-violations.ts'
import { readSource } from './read-source.ts'

/** Starts the built program. */
const starter = 'test/servers/run-cli.ts'

/**
 * The tests whose place does not follow from what they test, one sentence each: `test/<folder>/<file>.test.ts` and `<file>.<theme>.test.ts` test
 * `src/<folder>/<file>.ts`, `scripts/<folder>/<file>.ts`, or a server in `test/servers/`; `test/package/` tests what `scripts/package.ts` writes; any other
 * file of `test/cli/` starts the built program. What is at the top of `test/`
 * or in `test/contract/` tests the whole.
 */
export function findMisnamedTests(tests: FileSet, sources: FileSet): readonly string[] {
  return [...tests.keys()].flatMap((path) => {
    const [, folder = '', file] = /^test\/(?:(.+)\/)?([^/.]+)(?:\.[^/.]+)?\.test\.ts$/.exec(path) ?? []
    if (!path.endsWith('.test.ts') || (file !== undefined && ['', 'contract', 'package'].includes(folder))) return []
    const isTested = (root: string): boolean => sources.has(`${root}/${folder}/${file}.ts`)
    if (folder === 'servers' ? tests.has(`test/servers/${file}.ts`) : isTested('src') || isTested('scripts')) return []
    if (folder !== 'cli')
      return [`${path}: there is no ${folder === 'servers' ? 'test' : 'src'}/${folder}/${file ?? '…'}.ts that it could test`]
    return reaches(path, tests)
      ? []
      : [`${path}: it does not start the program, and there is no src/cli/${file ?? '…'}.ts that it could test`]
  })
}

/** True where a file imports what starts the program, itself or through other files of `test`. */
function reaches(path: string, tests: FileSet, seen: Set<string> = new Set()): boolean {
  if (path === starter) return true
  const text = tests.get(path)
  if (text === undefined || seen.has(path)) return false
  seen.add(path)
  const { imports } = readSource(path, text)
  return imports.some(({ specifier = '' }) => specifier.startsWith('.') && reaches(join(dirname(path), specifier), tests, seen))
}
