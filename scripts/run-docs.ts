/** Runs the commands of the documentation and writes their real output into the pages: `run-docs.ts [--check] [page …]`; `--check` only compares. */
import { documentationPages, openDocumentationRunner } from './docs/run-documentation.ts'

const check = process.argv.includes('--check')
const named = process.argv.slice(2).filter((argument) => argument !== '--check')
const pages = (await documentationPages()).filter((page) => named.length === 0 || named.some((name) => page.includes(name)))
await using runner = await openDocumentationRunner()
for (const page of pages) {
  const differences = await runner.run(page, { write: !check })
  console.log(`${differences.length === 0 ? 'ok' : 'not ok'} ${page}`)
  for (const difference of differences) console.error(difference)
  if (differences.length > 0) process.exitCode = 1
}
