import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { data, Evaluator, Lexer, Parser } from '@actions/expressions'
import { NoOperationTraceWriter, parseWorkflow } from '@actions/workflow-parser'
import { parseAction } from '@actions/workflow-parser/actions/action-parser'
import { parse } from 'yaml'
import { runShell, type ShellPlace } from './shell.ts'

type Texts = Readonly<Record<string, string>>

interface Step {
  readonly id?: string
  readonly if?: string
  readonly uses?: string
  readonly with?: Texts
  readonly env?: Texts
  readonly run?: string
  readonly shell?: string
  readonly 'working-directory'?: string
}

interface Action {
  readonly inputs: Readonly<Record<string, { readonly default?: string; readonly required?: boolean }>>
  readonly outputs: Readonly<Record<string, { readonly value: string }>>
  readonly runs: { readonly steps: readonly Step[] }
}

interface Workflow {
  readonly env?: Texts
  readonly jobs: Readonly<Record<string, { readonly if?: string; readonly steps: readonly Step[] }>>
}

/** The contexts of expressions, such as `github` and `secrets`. */
export type Contexts = Readonly<Record<string, unknown>>

/** What became of a job. */
export interface GithubJob {
  readonly status: 'success' | 'failure' | 'skipped'
  readonly log: string
  readonly summary: string
  /** Outputs of the steps with an id. */
  readonly outputs: Readonly<Record<string, Texts>>
  /** Actions that were used and not run. */
  readonly used: readonly string[]
}

const root = fileURLToPath(new URL('../../', import.meta.url))
const actionText = await readFile(`${root}action.yml`, 'utf8')
const action = parse(actionText) as Action

/** What GitHub's own parsers report about the action or a workflow. */
export function problemsOf(content: string, kind: 'action' | 'workflow'): readonly string[] {
  const parseFile = kind === 'action' ? parseAction : parseWorkflow
  return parseFile({ name: `${kind}.yml`, content }, new NoOperationTraceWriter())
    .context.errors.getErrors()
    .map(({ message }) => message)
}

function evaluate(expression: string, contexts: Contexts, isFailed: boolean): data.ExpressionData {
  const answers = { success: !isFailed, failure: isFailed, always: true, cancelled: false }
  const functions = Object.entries(answers).map(([name, answer]) => ({
    name,
    minArgs: 0,
    maxArgs: 0,
    call: () => new data.BooleanData(answer),
  }))
  const parsed = new Parser(new Lexer(expression).lex().tokens, Object.keys(contexts), functions).parse()
  const values = JSON.parse(JSON.stringify(contexts), data.reviver) as data.Dictionary
  return new Evaluator(parsed, values, new Map(functions.map((one) => [one.name, one]))).evaluate()
}

/** A job while it runs: https://docs.github.com/en/actions/reference/workflows-and-actions/variables */
class JobRunner {
  log = ''
  readonly used: string[] = []
  readonly place: ShellPlace
  readonly contexts: Contexts
  readonly #files: string

  constructor(files: string, place: ShellPlace, contexts: Contexts) {
    this.#files = files
    this.place = place
    this.contexts = contexts
  }

  #fill(texts: Texts = {}, contexts: Contexts, isFailed: boolean): Texts {
    const fill = (text: unknown): string =>
      String(text).replaceAll(/\$\{\{(.*?)\}\}/g, (_all, expression: string) => evaluate(expression, contexts, isFailed).coerceString())
    return Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, fill(text)]))
  }

  /** Runs steps in order, as those of a job or of a composite action; gives the outputs, and whether one failed. */
  async runSteps(
    steps: readonly Step[],
    contexts: Contexts,
    env: Texts,
  ): Promise<{ readonly outputs: Readonly<Record<string, Texts>>; readonly isFailed: boolean }> {
    const outputs: Record<string, Texts> = {}
    let isFailed = false
    for (const step of steps) {
      const all = { ...contexts, steps: Object.fromEntries(Object.entries(outputs).map(([id, values]) => [id, { outputs: values }])) }
      const condition = step.if ?? 'success()'
      const whole = /\b(?:success|failure|always|cancelled)\(/.test(condition) ? condition : `success() && (${condition})`
      if (evaluate(whole, all, isFailed).coerceString() !== 'true') continue
      const result = await this.#runStep(step, all, { ...env, ...this.#fill(step.env, all, isFailed) }, isFailed)
      isFailed ||= result.isFailed
      if (step.id !== undefined) outputs[step.id] = result.outputs
    }
    return { outputs, isFailed }
  }

  async #runStep(step: Step, contexts: Contexts, env: Texts, isFailed: boolean): Promise<{ outputs: Texts; isFailed: boolean }> {
    if (step.run !== undefined) return this.#runScript(step, this.#fill({ run: step.run }, contexts, isFailed)['run'] ?? '', contexts, env)
    const given = this.#fill(step.with, contexts, isFailed)
    if (step.uses === undefined || !/\/k3s-mirror@/.test(step.uses)) {
      this.used.push(step.uses ?? '')
      return { outputs: {}, isFailed: false }
    }
    const unknown = Object.keys(given).filter((name) => !(name in action.inputs))
    if (unknown.length > 0) throw new Error(`the action has no input ${unknown.join(', ')}`)
    const inputs = Object.fromEntries(Object.entries(action.inputs).map(([name, input]) => [name, given[name] ?? input.default ?? '']))
    const inner = await this.runSteps(action.runs.steps, { ...this.contexts, inputs }, { ...env, GITHUB_ACTION_PATH: root.slice(0, -1) })
    const steps = Object.fromEntries(Object.entries(inner.outputs).map(([id, values]) => [id, { outputs: values }]))
    const values = Object.fromEntries(Object.entries(action.outputs).map(([name, { value }]) => [name, value]))
    return { outputs: this.#fill(values, { ...contexts, inputs, steps }, false), isFailed: inner.isFailed }
  }

  async #runScript(step: Step, script: string, contexts: Contexts, env: Texts): Promise<{ outputs: Texts; isFailed: boolean }> {
    const files = this.#files
    await Promise.all([writeFile(`${files}/script.sh`, script), writeFile(`${files}/output`, '')])
    const added = (await readFile(`${files}/path`, 'utf8')).split('\n').filter((line) => line !== '')
    const directory = this.#fill({ path: step['working-directory'] ?? '.' }, contexts, false)['path'] ?? '.'
    const { status, log } = await runShell(['bash', '--noprofile', '--norc', '-eo', 'pipefail', `${files}/script.sh`], {
      cwd: `${this.place.cwd}/${directory}`,
      env: {
        ...this.place.env,
        ...env,
        PATH: [...added.toReversed(), this.place.env['PATH']].join(':'),
        GITHUB_ACTIONS: 'true',
        GITHUB_OUTPUT: `${files}/output`,
        GITHUB_STEP_SUMMARY: `${files}/summary`,
        GITHUB_PATH: `${files}/path`,
        GITHUB_ENV: `${files}/env`,
        RUNNER_TEMP: files,
        RUNNER_OS: 'Linux',
      },
    })
    this.log += log
    const lines = (await readFile(`${files}/output`, 'utf8')).split('\n').filter((line) => line !== '')
    const outputs = Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
    return { outputs, isFailed: status !== 0 }
  }
}

/** Runs a job of a workflow as GitHub's runner does, with this project's action; other actions are only noted. */
export async function runGithubJob(text: string, job: string, place: ShellPlace, contexts: Contexts = {}): Promise<GithubJob> {
  const workflow = parse(text) as Workflow
  const definition = workflow.jobs[job]
  if (definition === undefined) throw new Error(`the workflow has no job ${job}`)
  const files = `${place.env['HOME']}/runner-${Math.random().toString(36).slice(2)}`
  await mkdir(files)
  await Promise.all(['output', 'summary', 'path', 'env'].map((name) => writeFile(`${files}/${name}`, '')))
  const all = { runner: { os: 'Linux', arch: 'X64' }, github: {}, inputs: {}, secrets: {}, ...contexts }
  const runner = new JobRunner(files, place, all)
  const isSkipped = definition.if !== undefined && evaluate(definition.if, all, false).coerceString() !== 'true'
  const env = Object.fromEntries(
    Object.entries(workflow.env ?? {}).map(([name, value]) => [
      name,
      value.replaceAll(/\$\{\{(.*?)\}\}/g, (_all, expression: string) => evaluate(expression, all, false).coerceString()),
    ]),
  )
  const { outputs, isFailed } = await runner.runSteps(isSkipped ? [] : definition.steps, all, env)
  const summary = await readFile(`${files}/summary`, 'utf8')
  return { status: isSkipped ? 'skipped' : isFailed ? 'failure' : 'success', log: runner.log, summary, outputs, used: runner.used }
}

/** A workflow with one step, which uses the action with these inputs. */
export function oneStep(inputs: Texts, env: Texts = {}): string {
  const step = { id: 'run', uses: 'example/k3s-mirror@v1', with: inputs, env }
  return JSON.stringify({ on: 'push', jobs: { job: { 'runs-on': 'ubuntu-latest', steps: [step] } } })
}

/** The text of action.yml. */
export { actionText }
