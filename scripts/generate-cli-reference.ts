/** Writes docs/cli-reference.md from the built program's own --help; with `--check` it only compares, and ends with 1 where they differ. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { allCommands } from '../src/cli/command-table.ts'

const program = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
const page = fileURLToPath(new URL('../docs/cli-reference.md', import.meta.url))

function help(command: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...command, '--help'], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], NO_COLOR: '1' },
  })
  if (status !== 0) throw new Error(`k3s-mirror ${[...command, '--help'].join(' ')} ended with ${status}: ${stderr}`)
  return stdout.trimEnd()
}

function section(command: readonly string[]): string {
  const heading = `## k3s-mirror${command.map((word) => ` ${word}`).join('')}`
  return `${heading}\n\n\`\`\`text\n${help(command)}\n\`\`\`\n`
}

const paths = [[], ...allCommands().map(({ path }) => path)].filter(([name]) => name !== 'help')
const wanted = ['# Command line reference\n\nMade by `npm run generate` from `--help`.\n', ...paths.map(section)].join('\n')

if (process.argv.includes('--check')) {
  if (readPage() !== wanted) {
    console.error('docs/cli-reference.md differs from --help; run: npm run generate')
    process.exitCode = 1
  }
} else {
  mkdirSync(new URL('../docs/', import.meta.url), { recursive: true })
  writeFileSync(page, wanted)
}

function readPage(): string {
  try {
    return readFileSync(page, 'utf8')
  } catch {
    return ''
  }
}
