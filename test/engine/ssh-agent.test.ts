import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, readFile } from 'node:fs/promises'
import { createServer, request, type Agent, type IncomingMessage, type Server } from 'node:http'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { SshAddress } from '../../src/engine/engine-address.ts'
import { sshAgent } from '../../src/engine/ssh-agent.ts'
import { MirrorError } from '../../src/errors.ts'
import { tempDir, type TempDir } from '../servers/temp-dir.ts'
import { until } from '../servers/until.ts'

const engine: SshAddress = { kind: 'ssh', host: 'engine' }
const fixed = ['-o', 'BatchMode=yes', '-o', 'StrictHostKeyChecking=yes', '-o', 'ConnectTimeout=30', '-T']

/** A program in place of ssh that does what this script says; `$log` names the file of its arguments, one call after the other. */
async function writeSsh(directory: TempDir, script: string, interpreter = '/bin/sh'): Promise<string> {
  const path = await directory.write('ssh', `#!${interpreter}\n${script}\n`)
  await chmod(path, 0o700)
  return path
}

/** A program in place of ssh that notes its arguments and its process, and carries its stdin and stdout to the socket. */
function writeBridge(directory: TempDir): Promise<string> {
  return writeSsh(
    directory,
    `const { appendFileSync } = require('node:fs')
appendFileSync('${directory.path}/calls', JSON.stringify({ pid: process.pid, args: process.argv.slice(2) }) + '\\n')
const socket = require('node:net').connect('${directory.path}/engine.sock')
process.stdin.pipe(socket).pipe(process.stdout)
socket.on('close', () => process.exit())`,
    process.execPath,
  )
}

interface Call {
  readonly pid: number
  readonly args: readonly string[]
}

async function callsOf(directory: TempDir): Promise<readonly Call[]> {
  const text = await readFile(`${directory.path}/calls`, 'utf8')
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Call)
}

/** A directory with an Engine on its `engine.sock`; both end with it. */
async function engineDirectory(server: Server): Promise<TempDir> {
  const directory = await tempDir()
  server.listen(`${directory.path}/engine.sock`)
  await once(server, 'listening')
  return {
    ...directory,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
      await directory[Symbol.asyncDispose]()
    },
  }
}

/** Ends with the test what the agent has started. */
function disposable(agent: Agent): { readonly agent: Agent } & Disposable {
  return { agent, [Symbol.dispose]: () => agent.destroy() }
}

interface Asked {
  readonly path?: string
  readonly method?: string
  readonly body?: Buffer
  readonly headers?: Readonly<Record<string, string>>
  readonly timeout?: number
}

function send(agent: Agent, { path = '/_ping', method = 'GET', body, ...more }: Asked = {}) {
  const sent = request({ agent, host: 'docker.example.com', path, method, ...more })
  sent.end(body)
  return sent
}

async function ask(agent: Agent, asked: Asked = {}): Promise<{ readonly response: IncomingMessage; readonly body: Buffer }> {
  const [response] = (await once(send(agent, asked), 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return { response, body: Buffer.concat(chunks) }
}

async function failureOf(promise: Promise<unknown>): Promise<MirrorError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof MirrorError, String(error))
  return error
}

/** Waits until the process is gone. */
async function gone(pid: number): Promise<void> {
  await until(() => {
    try {
      return !process.kill(pid, 0)
    } catch {
      return true
    }
  })
}

const echo = (): Server =>
  createServer((incoming, outgoing) => {
    outgoing.setHeader('x-method', incoming.method ?? '')
    incoming.pipe(outgoing)
  })

test('requests go through ssh, over one connection as long as they follow one another', async () => {
  await using directory = await engineDirectory(echo())
  const program = await writeBridge(directory)
  using opened = disposable(sshAgent(engine, { program }))
  const body = Buffer.alloc(3_000_000, 'abcdefg')
  for (let i = 0; i < 3; i++) {
    const answer = await ask(opened.agent, { method: 'POST', body })
    assert.equal(answer.response.headers['x-method'], 'POST')
    assert.ok(answer.body.equals(body))
  }
  const calls = await callsOf(directory)
  assert.deepEqual(
    calls.map(({ args }) => args),
    [[...fixed, '--', 'engine', 'docker', 'system', 'dial-stdio']],
  )
  opened.agent.destroy()
  for (const { pid } of calls) await gone(pid)
})

test('user, port and socket are arguments of their own, and the socket is quoted for the shell over there', async () => {
  await using directory = await engineDirectory(echo())
  const program = await writeBridge(directory)
  const argumentsFor = async (address: Omit<SshAddress, 'kind'>): Promise<readonly string[]> => {
    using opened = disposable(sshAgent({ kind: 'ssh', ...address }, { program }))
    await ask(opened.agent)
    return (await callsOf(directory)).at(-1)?.args.slice(fixed.length) ?? []
  }
  assert.deepEqual(
    await argumentsFor({ host: '::1', user: 'alice', port: 2222, socketPath: '/run/docker.sock' }),
    '-l alice -p 2222 -- ::1 docker --host=unix:///run/docker.sock system dial-stdio'.split(' '),
  )
  assert.deepEqual(await argumentsFor({ host: 'engine', socketPath: "/a b/$(touch x)'s.sock" }), [
    '--',
    'engine',
    'docker',
    String.raw`'--host=unix:///a b/$(touch x)'\''s.sock'`,
    'system',
    'dial-stdio',
  ])
})

test('ssh is found on the PATH of the environment', async () => {
  await using directory = await tempDir()
  await writeSsh(directory, 'echo "from $NAME" >&2; exit 1')
  const environment = { PATH: `${directory.path}:/usr/bin:/bin`, NAME: 'environment' }
  using opened = disposable(sshAgent(engine, { environment }))
  assert.match((await failureOf(ask(opened.agent))).message, /over ssh: from environment$/)
})

test('a connection that failed says why, with what to do', async () => {
  const failures: readonly (readonly [script: string, message: RegExp, hint: RegExp])[] = [
    [
      'printf "@@@ WARNING @@@\\r\\nNo ED25519 host key is known for engine.\\r\\nHost key verification failed.\\r\\n" >&2; exit 255',
      /over ssh: Host key verification failed\.$/,
      /^run ssh -p 22 alice@engine once, and compare/,
    ],
    [
      'echo "alice@engine: Permission denied (publickey,password)." >&2; exit 255',
      /Permission denied \(publickey,password\)\.$/,
      /ssh-add/,
    ],
    ['echo "bash: line 1: docker: command not found" >&2; exit 127', /docker: command not found$/, /^install Docker on engine/],
    ['echo "sh: 1: docker: not found" >&2; exit 127', /docker: not found$/, /^install Docker on engine/],
    ['echo "dial unix /var/run/docker.sock: connect: permission denied" >&2; exit 1', /connect: permission denied$/, /group "docker"/],
    ['echo "ssh: connect to host engine port 22: Connection refused" >&2; exit 255', /Connection refused$/, /^run ssh -p 22 alice@/],
    ['exit 3', /ssh ended with exit code 3 without a message$/, /^run ssh/],
    ['exit 0', /ssh ended with exit code 0 without a message$/, /^run ssh/],
    ['kill -9 $$', /ssh ended with signal SIGKILL without a message$/, /^run ssh/],
    [String.raw`printf '\033[31mred\n\n' >&2; exit 1`, /over ssh: \\u\{1b\}\[31mred$/, /^run ssh/],
    ['head -c 1000000 /dev/zero | tr "\\0" x >&2; echo >&2; echo end >&2; exit 1', /over ssh: end$/, /^run ssh/],
    // no more than the last 4 KiB is kept
    ['echo "Host key verification failed." >&2; head -c 1000000 /dev/zero | tr "\\0" x >&2; exit 1', /over ssh: x{2048}$/, /^run ssh/],
  ]
  for (const [script, message, hint] of failures) {
    await using directory = await tempDir()
    const program = await writeSsh(directory, script)
    using opened = disposable(sshAgent({ ...engine, user: 'alice', port: 22 }, { program }))
    // so much that writing fails too
    const error = await failureOf(ask(opened.agent, { method: 'POST', body: Buffer.alloc(1_000_000) }))
    assert.equal(error.code, 'ENGINE_UNAVAILABLE')
    assert.match(error.message, /^cannot reach the Docker Engine over ssh: /)
    assert.match(error.message, message)
    assert.match(error.hint ?? '', hint)
  }
})

test('ssh that is missing or cannot be started is said', async () => {
  await using directory = await tempDir()
  using missing = disposable(sshAgent(engine, { environment: { PATH: directory.path } }))
  const error = await failureOf(ask(missing.agent))
  assert.equal(error.code, 'ENGINE_UNAVAILABLE')
  assert.match(error.message, /ssh is not installed, or not on PATH$/)
  using unusable = disposable(sshAgent(engine, { program: await directory.write('ssh', '') }))
  assert.match((await failureOf(ask(unusable.agent))).message, /ssh cannot be started: permission denied$/)
})

test('what ssh leaves behind with its stderr open does not delay the end', { timeout: 60_000 }, async () => {
  await using directory = await tempDir()
  const program = await writeSsh(directory, 'sleep 600 >/dev/null & echo $! > "$(dirname "$0")/pid"; echo broken >&2; exit 255')
  using opened = disposable(sshAgent(engine, { program }))
  assert.match((await failureOf(ask(opened.agent))).message, /over ssh: broken$/)
  process.kill(Number(await readFile(`${directory.path}/pid`, 'utf8')))
})

test('a connection that breaks in an answer is CONNECTION_LOST, and the next request opens another', async () => {
  await using directory = await tempDir()
  const answer = String.raw`HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf`
  const program = await writeSsh(directory, `read line; printf '${answer}'; echo 'client_loop: send disconnect: Broken pipe' >&2; exit 255`)
  using opened = disposable(sshAgent(engine, { program }))
  for (let i = 0; i < 2; i++) {
    const sent = send(opened.agent)
    const failed = new Promise<unknown>((resolve) => sent.once('error', resolve))
    sent.once('response', (response: IncomingMessage) => response.on('error', () => undefined).resume())
    const error = await failed
    assert.ok(error instanceof MirrorError)
    assert.equal(error.code, 'CONNECTION_LOST')
    assert.match(error.message, /closed unexpectedly: client_loop: send disconnect: Broken pipe$/)
  }
})

test('accepts an Engine that closes its connection after an answer', async () => {
  await using directory = await engineDirectory(
    createServer((_incoming, outgoing) => outgoing.setHeader('connection', 'close').end('pong')),
  )
  const program = await writeBridge(directory)
  using opened = disposable(sshAgent(engine, { program }))
  for (let i = 0; i < 2; i++) assert.equal((await ask(opened.agent)).body.toString(), 'pong')
  const calls = await callsOf(directory)
  assert.equal(calls.length, 2)
  for (const { pid } of calls) await gone(pid)
})

test('after the last answer ssh is ended, though it would stay', async () => {
  await using directory = await tempDir()
  const program = await writeSsh(
    directory,
    `require('node:fs').writeFileSync('${directory.path}/calls', JSON.stringify({ pid: process.pid, args: [] }))
process.stdout.write('HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nContent-Length: 4\\r\\n\\r\\npong')
setInterval(() => undefined, 1000)`,
    process.execPath,
  )
  using opened = disposable(sshAgent(engine, { program }))
  assert.equal((await ask(opened.agent)).body.toString(), 'pong')
  for (const { pid } of await callsOf(directory)) await gone(pid)
})

test('every child ends with the agent, and one whose request is given up ends with it', async () => {
  let waiting = 0
  const server = createServer(() => server.emit('waits', ++waiting))
  await using directory = await engineDirectory(server)
  const program = await writeBridge(directory)
  using opened = disposable(sshAgent(engine, { program }))
  const sent = []
  for (let i = 0; i < 3; i++) {
    const waits = once(server, 'waits')
    const one = send(opened.agent)
    sent.push({ request: one, closed: new Promise<void>((resolve) => one.on('error', () => undefined).once('close', resolve)) })
    await waits
  }
  const [first, ...others] = await callsOf(directory)
  assert.equal(others.length, 2)
  sent[0]?.request.destroy()
  await gone(first?.pid ?? 0)
  for (const { pid } of others) process.kill(pid, 0)
  opened.agent.destroy()
  for (const { pid } of others) await gone(pid)
  for (const { closed } of sent) await closed
})

test('a child that does not heed SIGTERM is killed', async () => {
  await using directory = await tempDir()
  const program = await writeSsh(
    directory,
    `process.on('SIGTERM', () => undefined)
require('node:fs').writeFileSync('${directory.path}/calls', JSON.stringify({ pid: process.pid, args: [] }))
process.stdout.write('HTTP/1.1 200 OK\\r\\n\\r\\n')
setInterval(() => undefined, 1000)`,
    process.execPath,
  )
  using opened = disposable(sshAgent(engine, { program }))
  const [response] = (await once(send(opened.agent), 'response')) as [IncomingMessage]
  response.on('error', () => undefined)
  const [{ pid } = { pid: 0 }] = await callsOf(directory)
  opened.agent.destroy()
  await gone(pid)
})

test('reports a request that times out', async () => {
  await using directory = await engineDirectory(createServer(() => undefined))
  const program = await writeBridge(directory)
  using opened = disposable(sshAgent(engine, { program }))
  const sent = send(opened.agent, { timeout: 50 })
  await once(sent, 'timeout')
  const closed = new Promise<void>((resolve) => sent.on('error', () => undefined).once('close', resolve))
  sent.destroy()
  await closed
})

test('an answer that is read slowly is not gathered in memory', async () => {
  const size = 8 * 1024 * 1024
  await using directory = await engineDirectory(createServer((_incoming, outgoing) => outgoing.end(Buffer.alloc(size))))
  using opened = disposable(sshAgent(engine, { program: await writeBridge(directory) }))
  const [response] = (await once(send(opened.agent), 'response')) as [IncomingMessage]
  let [read, gathered] = [0, 0]
  for await (const chunk of response) {
    read += (chunk as Buffer).length
    gathered = Math.max(gathered, response.socket?.readableLength ?? 0)
    await delay(1)
  }
  assert.equal(read, size)
  assert.ok(gathered < 1024 * 1024, `${gathered} bytes`)
})

test('an idle connection does not keep the program from ending', async () => {
  const server = echo()
  // else the server would end the connection, and the program with it
  server.keepAliveTimeout = 0
  await using directory = await engineDirectory(server)
  const program = await writeBridge(directory)
  const script = `
    import { request } from 'node:http'
    import { sshAgent } from ${JSON.stringify(import.meta.resolve('../../src/engine/ssh-agent.ts'))}
    const agent = sshAgent({ kind: 'ssh', host: 'engine' }, { program: ${JSON.stringify(program)} })
    request({ agent, path: '/_ping' }, (response) => response.resume().once('end', () => console.log('answered'))).end()`
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const output: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
  const [exitCode] = (await once(child, 'close')) as [number]
  assert.equal(exitCode, 0)
  assert.equal(Buffer.concat(output).toString(), 'answered\n')
  for (const { pid } of await callsOf(directory)) await gone(pid)
})
