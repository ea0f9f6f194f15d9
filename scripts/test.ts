/**
 * Runs the tests: `node --import tsx scripts/test.ts [part of a path …] [!part of a path …] [--node-option …]`; `!` leaves files out. Node 20 cannot find
 * test files by a pattern itself. With TEST_EXECUTABLE=1 the tests of the command line start the executable, in a root without Node and without a shell.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeExecutableRoot } from './executable-root.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const options = process.argv.slice(2).filter((argument) => argument.startsWith('--'))
const parts = process.argv.slice(2).filter((argument) => !/^(?:--|!)/.test(argument))
const omitted = process.argv.slice(2).flatMap((argument) => (argument.startsWith('!') ? [argument.slice(1)] : []))

const files = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
  .map((name) => `test/${name.replaceAll('\\', '/')}`)
  .filter((path) => path.endsWith('.test.ts') && (parts.length === 0 || parts.some((part) => path.includes(part))))
  .filter((path) => !omitted.some((part) => path.includes(part)))
  .toSorted()
if (files.length === 0) throw new Error(`no test file has ${parts.join(' or ')} in its path`)

using executable = process.env['TEST_EXECUTABLE'] === '1' ? makeExecutableRoot() : undefined
const { status, signal } = spawnSync(
  process.execPath,
  [
    '--import',
    'tsx',
    '--import',
    './scripts/tsx-in-workers.mjs',
    '--test',
    '--test-reporter=spec',
    '--test-timeout=600000',
    `--test-concurrency=${Math.max(3, availableParallelism() - 1)}`,
    ...options,
    ...files,
  ],
  { cwd: root, stdio: 'inherit', env: { ...process.env, ...executable?.environment } },
)
if (signal !== null) console.error(`the tests were ended by ${signal}`)
process.exitCode = status ?? 1
