/** Runs the commands of one page on a machine of its own, and prints what each of them printed as JSON. Started by `run-documentation.ts`. */
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { startContainerd } from '../../test/servers/containerd.ts'
import { startDockerEngine } from '../../test/servers/docker-engine.ts'
import { tempDir } from '../../test/servers/temp-dir.ts'
import { isSameOutput } from './compare-output.ts'
import { mountOwnDirectories, startDemoServers } from './demo-servers.ts'
import { internet, site } from './demo-world.ts'
import { parsePage } from './page.ts'
import { openShellSession, type ShellSession } from './shell-session.ts'

/** What became of a page: the real outputs of its `console` commands, and why it stopped early. */
export interface PageRun {
  readonly outputs: readonly string[]
  readonly failure?: string
}

const { DOCS_PAGE: page = '', DOCS_WORLD: world = '' } = process.env
/** The line that a run prints every ten seconds. */
const heartbeat = /^\.\.\. \d+\/\d+ images.*\n/gm
/** A line of the log of containerd's client: a pull that ends while its progress is asked for makes one. */
const clientLog = /^time="[^"]*" level=.*\n/gm
const root = fileURLToPath(new URL('../..', import.meta.url))
const { steps, traits } = parsePage(readFileSync(page, 'utf8'))

/** A home with the built program on PATH; where the package is installed as a reader's project has it. */
function prepareHome(scratch: string): { readonly home: string; readonly environment: Readonly<Record<string, string>> } {
  const [home, programs] = [`${scratch}/home`, `${scratch}/bin`]
  for (const directory of [home, programs, `${scratch}/logs`, `${scratch}/tmp`, `${home}/node_modules`]) mkdirSync(directory)
  const node = process.execPath
  writeFileSync(`${programs}/k3s-mirror`, `#!/bin/sh\nexec "${node}" "${root}/dist/cli/main.js" "$@"\n`, { mode: 0o755 })
  writeFileSync(`${programs}/sudo`, '#!/bin/sh\nexec "$@"\n', { mode: 0o755 })
  symlinkSync(node, `${programs}/node`)
  // newer clients do not speak to Debian's Engine
  if (existsSync('/usr/bin/docker')) symlinkSync('/usr/bin/docker', `${programs}/docker`)
  symlinkSync(root, `${home}/node_modules/k3s-mirror`, 'dir')
  const PATH = `${programs}:${process.env['PATH'] ?? ''}`
  // the made-up public authority is one that Node knows by itself, as it knows the real ones
  const NODE_EXTRA_CA_CERTS = '/etc/ssl/certs/ca-certificates.crt'
  return {
    home,
    // K3s' installer writes into the directory of this page, and not into /usr/local/bin.
    environment: {
      PATH,
      INSTALL_K3S_BIN_DIR: programs,
      NODE_EXTRA_CA_CERTS,
      HOME: home,
      TMPDIR: `${scratch}/tmp`,
      TZ: 'UTC',
      LANG: 'C.UTF-8',
      TERM: 'dumb',
    },
  }
}

async function runSteps(session: ShellSession, home: string, outputs: string[]): Promise<string | undefined> {
  for (const step of steps) {
    if (step.kind === 'file') writeFileSync(`${home}/${step.name}`, step.content)
    else if (step.kind !== 'commands') {
      const names = Object.entries(step.kind === 'online' ? { ...internet, ...site } : site).map(
        ([name, address]) => `${address} ${name}\n`,
      )
      writeFileSync('/etc/hosts', `127.0.0.1 localhost\n${names.join('')}`)
    } else {
      for (const [index, { source, output: shown }] of step.commands.entries()) {
        const isServer = /^(?:sudo )?k3s-mirror (?:(?:kit )?serve |sync .*--watch)/.test(source)
        // of a server whose output the page does not show yet, nothing shows where that ends
        const isUnknown = (shown ?? '') === ''
        const isReady = (output: string): boolean => (isUnknown ? / at https?:/.test(output) : isSameOutput(shown ?? '', output))
        const { output, status } = isServer ? await session.serve(source, isReady, isUnknown ? 1000 : 0) : await session.run(source)
        const expected = index === step.commands.length - 1 ? step.status : 0
        if (status !== expected) return `line ${step.line}: "${source}" ended with ${status}, not ${expected}:\n${output}`
        if (shown !== undefined) outputs.push(output.replaceAll(home, '/home/admin').replaceAll(heartbeat, '').replaceAll(clientLog, ''))
      }
    }
  }
  return undefined
}

/** Starts dockerd and containerd for pages that need them, at the addresses where their clients look first. */
async function startDaemons(): Promise<AsyncDisposable> {
  const daemons: AsyncDisposable[] = []
  const names = Object.fromEntries(Object.entries({ ...internet, ...site }).map(([name, address]) => [`${name}:443`, `${address}:443`]))
  const systemCa = readFileSync('/etc/ssl/certs/ca-certificates.crt', 'utf8')
  if (traits.includes('docker')) {
    const engine = await startDockerEngine({ names, systemCa })
    symlinkSync(engine.socket, '/run/docker.sock')
    daemons.push(engine)
  }
  if (traits.includes('containerd')) {
    const containerd = await startContainerd({ names, systemCa })
    mkdirSync('/run/containerd')
    symlinkSync(containerd.socket, '/run/containerd/containerd.sock')
    daemons.push(containerd)
  }
  return {
    async [Symbol.asyncDispose]() {
      for (const daemon of daemons) await daemon[Symbol.asyncDispose]()
    },
  }
}

async function runPage(scratch: string, outputs: string[]): Promise<string | undefined> {
  const { home, environment } = prepareHome(scratch)
  await using session = openShellSession(home, environment, `${scratch}/logs`)
  return await runSteps(session, home, outputs)
}

await using scratch = await tempDir()
mountOwnDirectories(scratch.path)
if (traits.includes('private-ca')) writeFileSync('/etc/ssl/site-ca.crt', readFileSync(`${world}/site-ca.crt`))
const outputs: string[] = []
const machine = [await startDemoServers(world, traits), await startDaemons()]
try {
  const failure = await runPage(scratch.path, outputs)
  process.stdout.write(JSON.stringify({ outputs, ...(failure !== undefined && { failure }) } satisfies PageRun))
} finally {
  for (const part of machine) await part[Symbol.asyncDispose]()
}
