import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { problemsOf, runGithubJob, type Contexts, type GithubJob } from './pipelines/github.ts'
import { readPipeline, runGitlabJob } from './pipelines/gitlab.ts'
import { password, pipelineWorld, requireNoSecret, type PipelineWorld } from './pipelines/pipeline-world.ts'
import { writeProgram, type ShellPlace, type ShellResult } from './pipelines/shell.ts'
import { fileServer } from './release/file-server.ts'
import { requireServer } from './servers/require-server.ts'
import { runCli } from './servers/run-cli.ts'

const page = await readFile(fileURLToPath(new URL('../docs/pipelines.md', import.meta.url)), 'utf8')
const blocks = new Map([...page.matchAll(/^```yaml pipeline=(\S+)\n(.*?)^```$/gms)].map(([, name = '', text = '']) => [name, text]))

describe('the pipelines of docs/pipelines.md', { concurrency: 2 }, () => {
  let pipelines: PipelineWorld
  before(async () => {
    // JUnit XML is not read here, and to start the program takes time.
    pipelines = await pipelineWorld('if [ "$1 $5" = "report junit" ]; then exit 1; fi')
  })
  after(() => pipelines[Symbol.asyncDispose]())

  /** A pipeline of the page, with the servers of the test, and a prefix of its own in the registry. */
  const pipeline = (name: string): string => {
    const { url, sha256 } = pipelines.download
    return (blocks.get(name) ?? '')
      .replaceAll('https://downloads.example.com/k3s-mirror/v0.1.0', url)
      .replaceAll(/\b[0-9a-f]{64}\b/g, sha256)
      .replaceAll('registry.example.com', `${pipelines.host}/${name}`)
  }
  /** The GitLab pipelines of the page in one .gitlab-ci.yml. */
  const gitlabFile = (): string => {
    const names = [...blocks.keys()].filter((name) => name.startsWith('gitlab'))
    const parts = names.map((name) => parse(pipeline(name)) as { readonly include: readonly unknown[] })
    return JSON.stringify({ ...Object.assign({}, ...parts), include: parts.flatMap(({ include }) => include) })
  }
  const github = async (name: string, job: string, place: ShellPlace, contexts: Contexts = {}): Promise<GithubJob> => {
    const secrets = { DOCKER_AUTH_CONFIG: pipelines.dockerAuth, BOT_TOKEN: password }
    const result = await runGithubJob(pipeline(name), job, place, { secrets, ...contexts })
    assert.equal(result.status, 'success', result.log)
    requireNoSecret(result.log, result.summary)
    return result
  }
  const gitlab = async (job: string, place: ShellPlace, more: Readonly<Record<string, string>> = {}): Promise<ShellResult> => {
    const env = { ...place.env, DOCKER_AUTH_CONFIG: pipelines.dockerAuth, ...more }
    const result = await runGitlabJob(gitlabFile(), job, { ...place, env })
    assert.equal(result.status, 0, result.log)
    requireNoSecret(result.log)
    return result
  }
  const writeSync = (name: string, { cwd }: ShellPlace): Promise<void> => {
    const { source, releases } = pipelines.world
    const places = { from: { 'docker.io': source.url }, artifactUrl: releases, channelUrl: `${releases}/channels` }
    const sync = [{ name: 'k3s', releases: ['stable'], to: `${pipelines.host}/${name}/mirror`, ...places }]
    return writeFile(`${cwd}/sync.yaml`, JSON.stringify({ schemaVersion: 1, sync }))
  }
  /** The registries.yaml of nodes that pull from the registry. */
  const writeNodes = async (name: string, { cwd }: ShellPlace): Promise<void> => {
    await mkdir(`${cwd}/nodes`)
    const mirror = { endpoint: [`http://${pipelines.host}`], rewrite: { '^(.*)$': `${name}/mirror/$1` } }
    const configs = { [pipelines.host]: { auth: { username: 'ci', password } } }
    await writeFile(`${cwd}/nodes/registries.yaml`, JSON.stringify({ mirrors: { 'docker.io': mirror }, configs }))
  }
  /** A clone whose origin has no lock on main, and a function that adds one of one image. */
  const writeClone = async ({
    cwd,
  }: ShellPlace): Promise<{ git: (...args: readonly string[]) => string; lockMain: () => Promise<void> }> => {
    const git = (...args: readonly string[]): string => {
      const user = {
        GIT_AUTHOR_NAME: 'a',
        GIT_AUTHOR_EMAIL: 'a@example.com',
        GIT_COMMITTER_NAME: 'a',
        GIT_COMMITTER_EMAIL: 'a@example.com',
      }
      return execFileSync('git', args, { cwd, env: { ...process.env, ...user }, encoding: 'utf8', stdio: 'pipe' })
    }
    git('init', '--quiet', '--bare', '--initial-branch', 'main', '../origin')
    git('init', '--quiet', '--initial-branch', 'main')
    git('remote', 'add', 'origin', '../origin')
    git('commit', '--quiet', '--allow-empty', '--message', 'Begin')
    git('push', '--quiet', '--set-upstream', 'origin', 'main')
    const lockMain = async (): Promise<void> => {
      git('switch', '--quiet', 'main')
      const locked = ['lock', 'docker.io/rancher/one:1', '--from', `docker.io=${pipelines.world.source.url}`]
      const { status, stderr } = await runCli([...locked, '--out', 'k3s.lock.yaml'], { cwd })
      assert.equal(status, 0, stderr)
      git('add', 'k3s.lock.yaml')
      git('commit', '--quiet', '--message', 'Lock')
      git('push', '--quiet', 'origin', 'main')
      git('switch', '--quiet', 'k3s-lock')
    }
    return { git, lockMain }
  }

  it('every workflow is valid for GitHub, and every pipeline gives the component valid inputs', () => {
    const names = ['github-lint', 'github-lock', 'github-nightly', 'github-propose', 'github-upgrade']
    assert.deepEqual([...blocks.keys()].toSorted(), [...names, 'gitlab-lock', 'gitlab-nightly', 'gitlab-upgrade'])
    for (const [name, text] of blocks) {
      if (name.startsWith('github')) assert.deepEqual(problemsOf(text, 'workflow'), [], name)
      else assert.ok(Object.keys(readPipeline(text)).length > 1)
    }
  })

  it('GitLab pipelines share one file, and only jobs with an environment push', () => {
    const parts = [...blocks].flatMap(([name, text]) => (name.startsWith('gitlab') ? [readPipeline(text)] : []))
    const all = readPipeline(gitlabFile())
    assert.deepEqual(Object.keys(all).toSorted(), parts.flatMap((part) => Object.keys(part)).toSorted())
    const workflows = [...blocks].flatMap(([name, text]) =>
      name.startsWith('github') ? [(parse(text) as { readonly jobs: Readonly<Record<string, object>> }).jobs] : [],
    )
    for (const jobs of [all, ...workflows])
      for (const [name, job] of Object.entries(jobs))
        assert.equal('environment' in job, /"(?:mirror|sync)\\n--/.test(JSON.stringify(job)), name)
  })

  it('nightly sync: copies the release, and later steps know that something changed', async (t) => {
    if (!requireServer(t, 'bash')) return
    const [one, other] = [await pipelines.workspace(), await pipelines.workspace()]
    await Promise.all([writeSync('github-nightly', one), writeSync('gitlab-nightly', other)])
    const job = await github('github-nightly', 'sync', one)
    assert.match(job.log, /^new images, listed in the summary of this job$/m)
    assert.match(job.summary, /^## k3s-mirror sync/)
    assert.deepEqual(
      job.used.map((name) => name.replace(/@.*/, '')),
      ['actions/checkout', 'actions/cache', 'actions/upload-artifact'],
    )
    await gitlab('sync', other)
    const [name = '', value = ''] = (await readFile(`${other.cwd}/k3s-mirror-report/result.env`, 'utf8')).trim().split('=')
    assert.match((await gitlab('announce', other, { [name]: value })).log, /^new images, listed in the report of sync$/m)
    assert.deepEqual(
      ['github-nightly', 'gitlab-nightly'].map((prefix) => pipelines.count(prefix)),
      [2, 2],
    )
  })

  it('lint: installs the program without running it, and later steps find it on PATH', async (t) => {
    if (!requireServer(t, 'bash')) return
    const place = await pipelines.workspace()
    await writeNodes('github-lint', place)
    const job = await github('github-lint', 'lint', place)
    assert.deepEqual(job.outputs['lint'], { code: '0' })
    assert.match(job.log, /^k3s-mirror \d/m)
    assert.match(await readFile(`${place.cwd}/lint.sarif`, 'utf8'), /"version":\s*"2\.1\.0"/)
  })

  it('release upgrade: plans, then mirrors, and proves that a node can pull', async (t) => {
    if (!requireServer(t, 'bash')) return
    const [one, other] = [await pipelines.workspace(), await pipelines.workspace()]
    await Promise.all([writeNodes('github-upgrade', one), writeNodes('gitlab-upgrade', other)])
    const inputs = { release: 'v1.37.1+k3s1' }
    const plan = await github('github-upgrade', 'plan', one, { inputs })
    assert.match(plan.summary, /^## k3s-mirror plan\n\n\*\*2 images: 2 new/)
    assert.equal(pipelines.count('github-upgrade'), 0)
    assert.match(
      (await github('github-upgrade', 'mirror', one, { inputs })).log,
      /^2 images: 2 ok, as a node with nodes\/registries\.yaml$/m,
    )
    await gitlab('upgrade-plan', other)
    assert.equal(pipelines.count('gitlab-upgrade'), 0)
    await gitlab('upgrade-mirror', other)
    assert.match((await gitlab('upgrade-verify', other)).log, /^2 images: 2 ok, as a node with nodes\/registries\.yaml$/m)
  })

  it('change of the lock: proposes it, comments with its difference, and mirrors it', async (t) => {
    if (!requireServer(t, 'bash')) return
    const place = await pipelines.workspace()
    const { git, lockMain } = await writeClone(place)
    await writeProgram(`${place.cwd}/../bin/gh`, 'echo "$@" >>../gh; [ "$2" != view ]')
    await github('github-propose', 'lock', place)
    assert.match(git('show', 'origin/k3s-lock:k3s.lock.yaml'), /docker\.io\/rancher\/two:1/)
    const event = { github: { event_name: 'pull_request', token: password, event: { pull_request: { number: 7 } } } }
    const diff = (): Promise<GithubJob> =>
      github('github-lock', 'diff', { ...place, env: { ...place.env, GITHUB_BASE_REF: 'main' } }, event)
    assert.match((await diff()).summary, /^## Images: no differences$/m)
    await lockMain()
    const job = await diff()
    assert.match(job.summary, /^## Images: 1 added, 1 unchanged$/m)
    assert.equal(
      await readFile(`${place.cwd}/../gh`, 'utf8'),
      'pr view k3s-lock\npr create --fill --head k3s-lock\npr comment 7 --edit-last --create-if-none --body-file k3s-mirror-report/summary.md\n',
    )
    assert.equal((await runGithubJob(pipeline('github-lock'), 'mirror', place, event)).status, 'skipped')
    await github('github-lock', 'mirror', place, { github: { event_name: 'push' } })

    await using api = await fileServer({ '/projects/3/merge_requests/7/notes': '{}' })
    const variables = { CI_API_V4_URL: api.url, CI_PROJECT_ID: '3', CI_MERGE_REQUEST_IID: '7', GITLAB_TOKEN: password }
    await gitlab('lock-diff', place, { ...variables, CI_MERGE_REQUEST_TARGET_BRANCH_NAME: 'main' })
    const [note] = api.requests
    assert.equal(note?.headers['private-token'], password)
    assert.match(new URLSearchParams(note?.body.toString()).get('body') ?? '', /^## Images: 1 added, 1 unchanged$/m)
    await gitlab('lock-mirror', place)
    assert.deepEqual(
      ['github-lock', 'gitlab-lock'].map((prefix) => pipelines.count(prefix)),
      [2, 2],
    )
  })
})
