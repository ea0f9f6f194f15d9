/** Writes deploy/ci/k3s-mirror.sh into the files that carry a copy of it. With `--check` it only compares, and exits with 1 for a difference. */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const read = (path: string): string => readFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), 'utf8')
const script = read('deploy/ci/k3s-mirror.sh')

for (const path of ['templates/k3s-mirror.yml', 'deploy/ci/tekton-task.yaml']) {
  const before = read(path)
  // A block of YAML whose first line names the script: it ends where a line is indented less.
  const after = before.replace(/^( *)(.*\| # deploy\/ci\/k3s-mirror\.sh\n)(?:\1  .*\n|\n)*/m, (_block, indent: string, first: string) => {
    const lines = script.replaceAll(/^(?=.)/gm, `${indent}  `)
    return `${indent}${first}${lines}`
  })
  if (!after.includes('# deploy/ci/k3s-mirror.sh\n')) throw new Error(`${path} has no block for the script`)
  if (after === before) continue
  if (process.argv.includes('--check')) {
    console.error(`${path} is out of date: run npm run generate`)
    process.exitCode = 1
  } else writeFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), after)
}
