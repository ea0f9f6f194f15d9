import assert from 'node:assert/strict'
import { chmod, cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { after, before, describe, it, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { actionText, oneStep, problemsOf, runGithubJob } from './pipelines/github.ts'
import { interpolate, runGitlabJob } from './pipelines/gitlab.ts'
import { password, pipelineWorld, requireNoSecret, type PipelineWorld } from './pipelines/pipeline-world.ts'
import { runShell, startDownload, writeProgram, type ShellPlace } from './pipelines/shell.ts'
import { sha256Hex } from './release/file-server.ts'
import { requireServer } from './servers/require-server.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (path: string): Promise<string> => readFile(`${root}${path}`, 'utf8')
/** A program that notes its arguments, one a line in brackets, in place of the real one. */
const notesArguments = 'printf "[%s]\\n" "$@" >arguments'

describe('pipeline files', { concurrency: 3 }, () => {
  let pipelines: PipelineWorld
  before(async () => {
    pipelines = await pipelineWorld()
  })
  after(() => pipelines[Symbol.asyncDispose]())

  const needsBash = (t: TestContext): boolean => requireServer(t, 'bash')
  const reportsOf = async ({ cwd }: ShellPlace, directory = 'k3s-mirror-report'): Promise<readonly string[]> => {
    const names = await readdir(`${cwd}/${directory}`)
    return Promise.all(names.toSorted().map((name) => readFile(`${cwd}/${directory}/${name}`, 'utf8')))
  }

  it('every script of the action names no input, and the action is valid', async () => {
    assert.deepEqual(problemsOf(actionText, 'action'), [])
    assert.notDeepEqual(problemsOf(actionText.replace('using: composite', 'using: shell'), 'action'), [])
    const { runs } = parse(actionText) as { readonly runs: { readonly steps: readonly { readonly run?: string }[] } }
    for (const { run = '' } of runs.steps) assert.ok(!run.includes('${{'), run)
  })

  it('the action downloads by checksum, mirrors, and writes summary, outputs and PATH', async (t) => {
    if (!needsBash(t)) return
    const place = await pipelines.workspace()
    const { url, sha256 } = pipelines.download
    const args = `mirror\n--release stable\n--to ${pipelines.host}/action\n`
    const job = await runGithubJob(oneStep({ url, sha256, args, 'report-directory': "it's the report" }, pipelines.login), 'job', place)
    assert.equal(job.status, 'success', job.log)
    assert.equal(pipelines.count('action/rancher'), 2)
    const report = `${place.cwd}/it's the report/report.json`
    assert.deepEqual(job.outputs['run'], { 'exit-code': '0', changed: 'true', report })
    assert.match(job.summary, /^## k3s-mirror mirror\n\n\*\*2 images: 2 copied\*\*/)
    assert.deepEqual(job.used, ['actions/cache@55cc8345863c7cc4c66a329aec7e433d2d1c52a9'])
    const [junit = '', json = '', result = '', summary = ''] = await reportsOf(place, "it's the report")
    assert.deepEqual([JSON.parse(json).totals.copied, /tests="2" failures="0"/.test(junit)], [2, true])
    assert.deepEqual([result, summary], ['MIRROR_CHANGED=true\n', job.summary])
    requireNoSecret(job.log, job.summary, json, junit)
  })

  it('the action fails with annotations and a summary where some images failed, and shows no secret', async (t) => {
    if (!needsBash(t)) return
    const place = await pipelines.workspace()
    // Without url the checkout of the action is used, which is built here.
    const args = `mirror\ndocker.io/rancher/one:1\ndocker.io/rancher/none:1\n--to ${pipelines.host}/some`
    const job = await runGithubJob(oneStep({ args }, pipelines.login), 'job', place)
    assert.equal(job.status, 'failure')
    assert.deepEqual([job.outputs['run']?.['exit-code'], job.outputs['run']?.['changed']], ['1', 'false'])
    assert.match(job.log, /^::error title=.*none:1 not found/m)
    assert.match(job.log, /^k3s-mirror: some images failed, see k3s-mirror-report\/summary.md$/m)
    assert.match(job.summary, /1 copied, 1 failed/)
    assert.deepEqual(job.used, [])
    requireNoSecret(job.log, job.summary, ...(await reportsOf(place)))
  })

  it('passes lines as arguments, with spaces, quotes and dollars as they are', async (t) => {
    if (!requireServer(t, 'shells')) return
    const lines = [
      ['diff', '[diff]'],
      ['--rewrite ^a b=$1 `id` $(id) "x" \'y\' *', '[--rewrite]', '[^a b=$1 `id` $(id) "x" \'y\' *]'],
      ['--images=my list.txt', '[--images=my list.txt]'],
      ['two words', '[two words]'],
      [''],
      ['-q', '[-q]'],
      ['  --to\t  a  b \r', '[--to]', '[a  b]'],
      ['  - x\r', '[-]', '[x]'],
      ['-w \r', '[-w]'],
      ['${GITHUB_TOKEN}\\n', '[${GITHUB_TOKEN}\\n]'],
    ]
    const args = lines.map(([line]) => line).join('\n')
    const expected = `${lines.flatMap(([, ...words]) => words).join('\n')}\n`
    const noted = async (run: (place: ShellPlace) => Promise<unknown>): Promise<void> => {
      const place = await pipelines.workspace()
      await writeProgram(`${place.cwd}/../bin/k3s-mirror`, notesArguments)
      await run(place)
      assert.equal(await readFile(`${place.cwd}/arguments`, 'utf8'), expected)
    }
    await noted((place) => runGithubJob(oneStep({ args }), 'job', place))
    await noted((place) => runGitlabJob(JSON.stringify({ include: [{ inputs: { args } }] }), 'k3s-mirror', place))
    for (const shell of [
      ['bash', '--posix'],
      ['busybox', 'ash'],
    ]) {
      await noted((place) => runShell([...shell, `${root}deploy/ci/k3s-mirror.sh`], { ...place, env: { ...place.env, MIRROR_ARGS: args } }))
    }
    await noted(async (place) => {
      const words = lines.flatMap(([, ...words]) => words.map((word) => word.slice(1, -1)))
      return runShell(['sh', `${root}deploy/ci/k3s-mirror.sh`, ...words], place)
    })
  })

  it('refuses a command line that is written on one line', async () => {
    const place = await pipelines.workspace()
    await writeProgram(`${place.cwd}/../bin/k3s-mirror`, notesArguments)
    const env = { ...place.env, MIRROR_ARGS: '\n verify x --to y' }
    const { status, log } = await runShell(['sh', `${root}deploy/ci/k3s-mirror.sh`], { ...place, env })
    assert.deepEqual(
      [status, log, await readdir(place.cwd)],
      [2, 'error: invalid MIRROR_ARGS: "verify x --to y" is not a command; write one argument a line\n', ['k3s-mirror-report']],
    )
  })

  it('stops before anything runs where a download has another checksum', async () => {
    await using damaged = await startDownload({ served: '#!/bin/sh\ntouch has-run\n' })
    const run = async (env: Readonly<Record<string, string>>): Promise<string> => {
      const place = await pipelines.workspace()
      const { status, log } = await runShell(['sh', `${root}deploy/ci/k3s-mirror.sh`, 'version'], {
        ...place,
        env: { ...place.env, ...env },
      })
      assert.deepEqual(
        [status, await readdir(place.cwd), await readdir(`${place.cwd}/k3s-mirror-report`)],
        [env['MIRROR_URL'] === `${damaged.url}/none` ? 6 : 3, ['.k3s-mirror', 'k3s-mirror-report'], []],
      )
      assert.ok(!(await readdir(`${place.cwd}/.k3s-mirror`)).some((name) => name.startsWith('k3s-mirror')))
      return log
    }
    assert.match(await run({ MIRROR_URL: damaged.url }), /^error: wrong checksum of k3s-mirror-linux-\w+: expected [0-9a-f]{64}$/m)
    const { url } = pipelines.download
    assert.match(await run({ MIRROR_URL: url, MIRROR_SHA256: '0'.repeat(64) }), /^error: wrong checksum of SHA256SUMS/m)
    assert.match(await run({ MIRROR_URL: `${damaged.url}/none` }), /^error: cannot read SHA256SUMS from MIRROR_URL$/m)
  })

  it('reads checksums with line breaks of Windows, with repeated lines and in capitals, and restores a lost mode', async () => {
    const name = `k3s-mirror-linux-${process.arch === 'x64' ? 'amd64' : process.arch}`
    const program = '#!/bin/sh\n'
    const sum = sha256Hex(program)
    const run = async (sums: string, place: ShellPlace, sha256 = ''): Promise<readonly (number | null)[]> => {
      await mkdir(`${place.cwd}/download`, { recursive: true })
      await writeFile(`${place.cwd}/download/${name}`, program)
      await writeFile(`${place.cwd}/download/SHA256SUMS`, sums)
      const env = { ...place.env, MIRROR_URL: 'download', MIRROR_SHA256: sha256 }
      const runs = Array.from({ length: 3 }, () => runShell(['sh', `${root}deploy/ci/k3s-mirror.sh`], { ...place, env }))
      return (await Promise.all(runs)).map(({ status }) => status)
    }
    const place = await pipelines.workspace()
    const good = `${sum}  ${name}\r\n${sum} *${name}\n`
    // Three runs at once share the directory of the executable.
    assert.deepEqual(await run(good, place, sha256Hex(good).toUpperCase()), [0, 0, 0])
    await chmod(`${place.cwd}/.k3s-mirror/k3s-mirror`, 0o644)
    assert.deepEqual(await run(good, place), [0, 0, 0])
    assert.deepEqual(await readdir(`${place.cwd}/.k3s-mirror`), ['k3s-mirror'])
    assert.deepEqual(await run(`${good}${'0'.repeat(64)}  ${name}\n`, place), [3, 3, 3])
  })

  it('directories that cannot be written, or whose name would break the output of a job, end it before anything runs', async (t) => {
    if (!needsBash(t)) return
    const place = await pipelines.workspace()
    for (const name of ['MIRROR_BIN', 'MIRROR_OUT']) {
      const env = { ...place.env, MIRROR_URL: pipelines.download.url, [name]: '/proc/none' }
      const { status, log } = await runShell(['sh', `${root}deploy/ci/k3s-mirror.sh`], { ...place, env })
      assert.deepEqual([status, log.includes(`error: cannot write to ${name}\n`)], [6, true], log)
    }
    const job = await runGithubJob(oneStep({ args: 'version', 'report-directory': 'x\nchanged=true' }), 'job', place)
    assert.deepEqual([job.status, job.outputs['run']], ['failure', { 'exit-code': '2', changed: 'false', report: '' }])
  })

  it('downloads the executable again only where its checksum differs', async () => {
    await using download = await startDownload({ first: 'exit' })
    const place = await pipelines.workspace()
    const env = { ...place.env, MIRROR_URL: download.url }
    const script = `${root}deploy/ci/k3s-mirror.sh`
    const kinds = (): readonly string[] => download.asked.map((path) => (path.endsWith('SHA256SUMS') ? 'sums' : 'executable'))
    const run = (): ReturnType<typeof runShell> => runShell(['sh', script, 'version'], { ...place, env })
    assert.deepEqual([(await run()).status, kinds()], [0, ['sums', 'executable']])
    await writeFile(`${place.cwd}/.k3s-mirror/k3s-mirror`, 'other')
    assert.deepEqual([(await run()).status, kinds()], [0, ['sums', 'executable', 'sums', 'executable']])
    assert.deepEqual([(await run()).status, kinds().length], [0, 5])
  })

  it('the component checks its inputs, and its job mirrors in a shell without bash', async () => {
    assert.throws(() => interpolate({}), /input args is not a string/)
    assert.throws(() => interpolate({ args: 'x', retries: 3 }), /not one of 0, 1, 2/)
    assert.throws(() => interpolate({ args: 'x', sha256: 'x' }), /does not match/)
    const place = await pipelines.workspace()
    const { url, sha256 } = pipelines.download
    const args = `mirror\n--release stable\n--to ${pipelines.host}/component`
    const rules = [{ if: '$CI_PIPELINE_SOURCE == "schedule"' }]
    const text = JSON.stringify({ include: [{ inputs: { args, url, sha256, rules, 'job-name': 'nightly mirror' } }] })
    const { status, log, job } = await runGitlabJob(text, 'nightly mirror', { ...place, env: { ...place.env, ...pipelines.login } })
    assert.equal(status, 0, log)
    assert.equal(pipelines.count('component/rancher'), 2)
    const { artifacts, cache } = job as unknown as {
      readonly artifacts: { readonly reports: Readonly<Record<string, string>> }
      readonly cache: { readonly paths: readonly string[] }
    }
    assert.deepEqual(job['rules'], rules)
    assert.match(await readFile(`${place.cwd}/${artifacts.reports['junit']}`, 'utf8'), /tests="2" failures="0"/)
    assert.equal(await readFile(`${place.cwd}/${artifacts.reports['dotenv']}`, 'utf8'), 'MIRROR_CHANGED=true\n')
    assert.deepEqual(cache.paths, ['.k3s-mirror/'])
    assert.deepEqual((await readdir(`${place.cwd}/.k3s-mirror`)).toSorted(), ['k3s-mirror'])
    requireNoSecret(log, ...(await reportsOf(place)))
  })

  it('the commands of the Jenkinsfile plan, mirror and verify, and their trace shows no secret', async () => {
    const place = await pipelines.workspace()
    await mkdir(`${place.cwd}/deploy/ci`, { recursive: true })
    await cp(`${root}deploy/ci/k3s-mirror.sh`, `${place.cwd}/deploy/ci/k3s-mirror.sh`)
    const commands = [...(await read('deploy/ci/Jenkinsfile')).matchAll(/sh '''\n(.*?)'''/gs)].map(([, body = '']) =>
      body.replaceAll('registry.example.com', pipelines.host),
    )
    const { url, sha256 } = pipelines.download
    const env = { ...place.env, ...pipelines.login, MIRROR_URL: url, MIRROR_SHA256: sha256, K3S_MIRROR_RELEASE: 'stable' }
    let log = ''
    for (const command of commands) {
      const result = await runShell(['sh', '-xe', '-c', command], { ...place, env })
      assert.equal(result.status, 0, result.log)
      log += result.log
    }
    assert.equal(commands.length, 2)
    assert.deepEqual((await readdir(`${place.cwd}/reports`)).toSorted(), ['mirror', 'plan', 'verify'])
    assert.equal(await readFile(`${place.cwd}/reports/mirror/result.env`, 'utf8'), 'MIRROR_CHANGED=true\n')
    assert.match(await readFile(`${place.cwd}/reports/verify/summary.md`, 'utf8'), /2 images: 2 ok/)
    requireNoSecret(log)
  })

  it('the steps of the Tekton Task mirror, and give the result', async () => {
    const place = await pipelines.workspace()
    const task = parse(await read('deploy/ci/tekton-task.yaml')) as {
      readonly apiVersion: string
      readonly kind: string
      readonly spec: {
        readonly params: readonly { readonly name: string; readonly type: string; readonly default?: string }[]
        readonly workspaces: readonly { readonly name: string; readonly optional?: boolean }[]
        readonly results: readonly { readonly name: string }[]
        readonly steps: readonly {
          readonly script: string
          readonly workingDir: string
          readonly args?: readonly string[]
          readonly env?: readonly { readonly name: string; readonly value: string }[]
        }[]
      }
    }
    const { params, workspaces, results, steps } = task.spec
    assert.deepEqual([task.apiVersion, task.kind], ['tekton.dev/v1', 'Task'])
    const args = ['mirror', '--release', 'stable', '--to', `${pipelines.host}/tekton`]
    const login = `${place.env['HOME']}/login`
    await mkdir(login)
    await writeFile(`${login}/config.json`, pipelines.dockerAuth)
    const values: Readonly<Record<string, string>> = {
      'params.url': pipelines.download.url,
      'params.sha256': pipelines.download.sha256,
      'params.image': params.find(({ name }) => name === 'image')?.default ?? '',
      'workspaces.source.path': place.cwd,
      'workspaces.docker-config.path': login,
      'results.changed.path': `${place.cwd}/changed`,
    }
    const declared = [
      ...params.filter(({ type }) => type === 'string').map(({ name }) => `params.${name}`),
      ...workspaces.map(({ name }) => `workspaces.${name}.path`),
      ...results.map(({ name }) => `results.${name}.path`),
    ]
    assert.deepEqual(declared.toSorted(), Object.keys(values).toSorted())
    // Tekton leaves substitutions of the shell, such as $(uname -s), as they are.
    const fill = (text: string): string =>
      text.replaceAll(/\$\(((?:params|workspaces|results)\.[\w.-]+)\)/g, (_all, name: string) => values[name] ?? '')
    let log = ''
    for (const [index, step] of steps.entries()) {
      const script = `${place.env['HOME']}/script-${index}`
      await writeFile(script, fill(step.script), { mode: 0o755 })
      const env = Object.fromEntries((step.env ?? []).map(({ name, value }) => [name, fill(value)]))
      const given = step.args?.flatMap((arg) => (arg === '$(params.args[*])' ? args : [fill(arg)])) ?? []
      const result = await runShell([script, ...given], { cwd: fill(step.workingDir), env: { ...place.env, ...env } })
      assert.equal(result.status, 0, result.log)
      log += result.log
    }
    assert.equal(pipelines.count('tekton/rancher'), 2)
    assert.equal(await readFile(`${place.cwd}/changed`, 'utf8'), 'true')
    assert.ok(log.includes('2 images: 2 copied') && !log.includes(password), log)
  })
})
