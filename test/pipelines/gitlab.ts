import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parse, parseAllDocuments } from 'yaml'
import { findProgram } from '../servers/require-server.ts'
import { runShell, type ShellPlace, type ShellResult } from './shell.ts'

interface Input {
  readonly type?: 'string' | 'number' | 'boolean' | 'array'
  readonly default?: unknown
  readonly options?: readonly unknown[]
  readonly regex?: string
}

type Variable = string | { readonly value: string; readonly expand?: boolean }

interface Job {
  readonly stage?: string
  readonly variables?: Readonly<Record<string, Variable>>
  readonly before_script?: readonly string[]
  readonly script: readonly string[]
  readonly after_script?: readonly string[]
  readonly [keyword: string]: unknown
}

const component = await readFile(fileURLToPath(new URL('../../templates/k3s-mirror.yml', import.meta.url)), 'utf8')

/** Checks the inputs of an include, and puts them into the component: https://docs.gitlab.com/ci/inputs/ */
export function interpolate(given: Readonly<Record<string, unknown>>): Readonly<Record<string, Job>> {
  const [header, body] = parseAllDocuments(component).map((document) => document.toJS() as Record<string, unknown>)
  const { inputs } = (header as { readonly spec: { readonly inputs: Readonly<Record<string, Input>> } }).spec
  for (const name of Object.keys(given)) if (!(name in inputs)) throw new Error(`unknown input ${name}`)
  const values = Object.fromEntries(
    Object.entries(inputs).map(([name, { type = 'string', default: initial, options, regex }]) => {
      const value = given[name] ?? initial
      const isOfType = type === 'array' ? Array.isArray(value) : typeof value === type
      if (!isOfType) throw new Error(`input ${name} is not a ${type}`)
      if (options?.includes(value) === false) throw new Error(`input ${name} is not one of ${options.join(', ')}`)
      if (regex !== undefined && !new RegExp(regex).test(String(value))) throw new Error(`input ${name} does not match ${regex}`)
      return [name, value]
    }),
  )
  const fill = (node: unknown): unknown => {
    if (typeof node === 'string') {
      const whole = /^\$\[\[ inputs\.([\w-]+) \]\]$/.exec(node)?.[1]
      if (whole !== undefined) return values[whole]
      return node.replaceAll(/\$\[\[ inputs\.([\w-]+) \]\]/g, (_all, name: string) => String(values[name]))
    }
    if (Array.isArray(node)) return node.map(fill)
    if (typeof node !== 'object' || node === null) return node
    return Object.fromEntries(Object.entries(node).map(([key, value]) => [String(fill(key)), fill(value)]))
  }
  return fill(body) as Readonly<Record<string, Job>>
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function merge(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const merged = Object.entries(b).map(([key, value]) => {
    const before = a[key]
    return [key, isObject(before) && isObject(value) ? merge(before, value) : value]
  })
  return { ...a, ...(Object.fromEntries(merged) as object) }
}

/** The jobs and variables of a .gitlab-ci.yml, with the component that it includes. */
export function readPipeline(text: string): Readonly<Record<string, Job>> & { readonly variables?: Job['variables'] } {
  const { include = [], ...own } = parse(text) as { readonly include?: readonly { readonly inputs: Readonly<Record<string, unknown>> }[] }
  const included = Object.assign({}, ...include.map(({ inputs }) => interpolate(inputs))) as Readonly<Record<string, Job>>
  return merge(included, own) as ReturnType<typeof readPipeline>
}

/** Runs a job as GitLab's runner does in an image without bash: the lines in one shell, after_script in another; `dotenv` are variables of earlier jobs. */
export async function runGitlabJob(
  text: string,
  name: string,
  { cwd, env }: ShellPlace,
  dotenv: Readonly<Record<string, string>> = {},
): Promise<ShellResult & { readonly job: Job }> {
  const pipeline = readPipeline(text)
  const job = pipeline[name]
  if (job === undefined) throw new Error(`the pipeline has no job ${name}`)
  const variables: Record<string, string> = { ...env, GITLAB_CI: 'true', CI_PROJECT_DIR: cwd, ...dotenv }
  for (const [key, variable] of Object.entries({ ...pipeline.variables, ...job.variables })) {
    const { value, expand = true } = typeof variable === 'string' ? { value: variable } : variable
    // What was entered for this pipeline wins.
    variables[key] ??= expand ? value.replaceAll(/\$(?:(\w+)|\{(\w+)\})/g, (_all, a: string, b: string) => variables[a ?? b] ?? '') : value
  }
  const shell = findProgram('busybox') === undefined ? ['sh'] : ['busybox', 'sh']
  const run = (lines: readonly string[]): Promise<ShellResult> =>
    runShell([...shell, '-c', 'set -eo pipefail; : | eval "$SCRIPT"'], { cwd, env: { ...variables, SCRIPT: lines.join('\n') } })
  const result = await run([...(job.before_script ?? []), ...job.script])
  const after = job.after_script === undefined ? { log: '' } : await run(job.after_script)
  return { status: result.status, log: result.log + after.log, job }
}
