import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmod, chown, lchown, link, lstat, mkdir, readdir, readFile, rename, stat, symlink, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { cliCommand } from '../servers/cli-command.ts'
import { runCli, type CliResult } from '../servers/run-cli.ts'
import { tempDir, type TempDir } from '../servers/temp-dir.ts'
import { oneImage, type OneImage } from './one-image.ts'

/** Another user of this machine. */
const stranger = 4711
const skip = process.getuid?.() === 0 ? false : 'only root can give files to others'

interface Place extends AsyncDisposable {
  readonly at: OneImage
  /** Where everybody may write, as in /tmp. */
  readonly open: string
  /** Where only we may write. */
  readonly own: string
  /** A file of ours that no other user may change. */
  readonly victim: string
  requireUnharmed(): Promise<void>
}

async function place(): Promise<Place> {
  const at = await oneImage()
  const directory: TempDir = await tempDir()
  const [open, own, victim] = ['open', 'own', 'own/victim'].map((name) => `${directory.path}/${name}`) as [string, string, string]
  await mkdir(open)
  await chmod(open, 0o1777)
  await mkdir(own)
  await mkdir(`${directory.path}/layout`)
  await directory.write('layout/oci-layout', '{"imageLayoutVersion":"1.0.0"}')
  await directory.write('layout/index.json', '{"schemaVersion":2,"manifests":[]}')
  await writeFile(victim, 'precious')
  return {
    at,
    open,
    own,
    victim,
    async requireUnharmed() {
      assert.equal(await readFile(victim, 'utf8'), 'precious')
      assert.deepEqual(await readdir(own), ['victim'])
    },
    async [Symbol.asyncDispose]() {
      await at[Symbol.asyncDispose]()
      await directory[Symbol.asyncDispose]()
    },
  }
}

/** A link that another user has put there. */
async function plant(target: string, path: string): Promise<void> {
  await symlink(target, path)
  await lchown(path, stranger, stranger)
}

const bundle = (at: OneImage, file: string, ...more: readonly string[]): Promise<CliResult> =>
  runCli(['bundle', 'create', file, 'docker.io/acme/app:1', '--from', `docker.io=${at.source.url}`, ...more])

/** Every command that writes to a path that it is given. */
const writers: Readonly<Record<string, (path: string, place: Place) => Promise<CliResult>>> = {
  'mirror --report': (path, { at }) => at.run(['--report', path]),
  'mirror --events': (path, { at }) => at.run(['--events', path]),
  'mirror --write-registries': (path, { at }) => at.run(['--write-registries', path]),
  'mirror --to oci:': (path, { at }) =>
    runCli(['mirror', 'docker.io/acme/app:1', '--from', `docker.io=${at.source.url}`, '--to', `oci:${path}`]),
  'plan --report': (path, { at }) => at.run(['--report', path], { command: 'plan' }),
  'verify --report': (path, { at }) => runCli(['verify', 'docker.io/acme/app:1', '--to', at.destination.url, '--report', path]),
  'bundle create': (path, { at }) => bundle(at, `${path}.tar`),
  'bundle create --lock': (path, { at, open }) => bundle(at, `${open}/with-lock.tar`, '--lock', path),
  'registries generate --out': (path, { at }) =>
    runCli(['registries', 'generate', 'docker.io/acme/app:1', '--to', at.destination.url, '--out', path]),
  'registries render --out': (path, { open }) => runCli(['registries', 'render', '--registries', `${open}/registries.yaml`, '--out', path]),
  'serve --access-log': (path, { open }) => runCli(['serve', `${open}/../layout`, '--listen', '127.0.0.1:0', '--access-log', path]),
}

test('rejects links of other users in a world-writable directory, to files and to directories, before any transfer', { skip }, async () => {
  await using there = await place()
  await writeFile(`${there.open}/registries.yaml`, 'mirrors: {}\n')
  for (const [name, write] of Object.entries(writers)) {
    const path = `${there.open}/planted`
    const planted = name === 'bundle create' ? `${path}.tar` : path
    const isDirectory = name.endsWith('oci:') || name.startsWith('registries render')
    for (const target of isDirectory ? [there.own] : [there.victim, `${there.own}/new`]) {
      await plant(target, planted)
      const { status, stderr } = await write(path, there)
      assert.equal(status, 2, `${name}: ${stderr}`)
      assert.match(stderr, /is a link of another user \(uid 4711\) in a world-writable directory; nothing was written \(USAGE\)\nhint: /)
      await there.requireUnharmed()
      await rename(planted, `${there.open}/seen`)
    }
  }
  await plant(there.own, `${there.open}/directory`)
  const { status, stderr } = await there.at.run(['--report', `${there.open}/directory/report.json`])
  assert.equal(status, 2, stderr)
  await there.requireUnharmed()
  assert.equal(there.at.destination.writes.length, 0)
})

test('does not write to a file of another user or with a second hard link in a world-writable directory', { skip }, async () => {
  await using there = await place()
  for (const [option, write] of [
    ['mirror --events', writers['mirror --events']],
    ['serve --access-log', writers['serve --access-log']],
  ] as const) {
    const path = `${there.open}/file`
    await writeFile(path, 'theirs')
    await chown(path, stranger, stranger)
    const theirs = await write?.(path, there)
    assert.equal(theirs?.status, 2, `${option}: ${theirs?.stderr}`)
    assert.match(theirs?.stderr ?? '', /belongs to another user \(uid 4711\)/)
    assert.equal(await readFile(path, 'utf8'), 'theirs')
    await rename(path, `${there.open}/seen`)
    await link(there.victim, path)
    const linked = await write?.(path, there)
    assert.equal(linked?.status, 2, `${option}: ${linked?.stderr}`)
    assert.match(linked?.stderr ?? '', /is a file with a second hard link/)
    await there.requireUnharmed()
    await rename(path, `${there.open}/seen2`)
  }
})

test('writes reports and locks without following links that others planted under predictable names', { skip }, async () => {
  await using there = await place()
  const { at, open } = there
  for (const name of ['out.lock.part', 'report.json.part']) await plant(there.victim, `${open}/${name}`)
  const { status, stderr } = await bundle(at, `${open}/out.tar`, '--lock', `${open}/out.lock`, '--report', `${open}/report.json`)
  assert.equal(status, 0, stderr)
  await there.requireUnharmed()
  for (const name of ['out.tar', 'out.lock', 'report.json']) {
    const facts = await lstat(`${open}/${name}`)
    assert.deepEqual([facts.isFile(), facts.uid], [true, 0], name)
  }
})

test('does not resume a bundle that another user started, in any directory', { skip }, async () => {
  await using there = await place()
  for (const directory of [there.open, there.own]) {
    const file = `${directory}/k3s.tar`
    await mkdir(`${file}.part`)
    for (const name of ['archive', 'done']) await writeFile(`${file}.part/${name}`, '')
    for (const path of [`${file}.part/archive`, `${file}.part/done`, `${file}.part`]) await chown(path, stranger, stranger)
    await chmod(`${file}.part`, 0o777)
    const { status, stderr } = await bundle(there.at, file)
    assert.equal(status, 2, stderr)
    assert.match(stderr, /k3s\.tar\.part"? belongs to another user.*\(USAGE\)\nhint: /)
    assert.deepEqual((await readdir(`${file}.part`)).toSorted(), ['archive', 'done'])
  }
})

test('creates its directories without write access for other users', { skip }, async () => {
  await using there = await place()
  there.at.source.intercept = ({ kind }, response) => kind === 'blob-get' && Boolean(response.writeHead(404).end())
  const file = `${there.own}/k3s.tar`
  assert.equal((await bundle(there.at, file, '--retries', '0')).status, 1)
  assert.equal((await stat(`${file}.part`)).mode & 0o777, 0o700)
})

test('does not follow a link in place of its own directory in a layout', { skip }, async () => {
  await using there = await place()
  const layout = `${there.own}/../layout`
  await plant(there.own, `${layout}/.k3s-mirror`)
  const result = await writers['mirror --to oci:']?.(layout, there)
  assert.notEqual(result?.status, 0)
  assert.match(result?.stderr ?? '', /\.k3s-mirror is not a directory of the layout \(INTEGRITY\)/)
  await there.requireUnharmed()
})

test('follows links of the same user and of the system', { skip }, async () => {
  await using there = await place()
  const { open, own } = there
  for (const [name, write] of Object.entries(writers).filter(([name]) => /--(?:report|events|write-registries|lock)$/.test(name))) {
    for (const directory of name.startsWith('mirror') ? [open, own] : [own]) {
      const target = `${own}/${name.replaceAll(' ', '-')}-${directory === open ? 'open' : 'own'}`
      const path = `${directory}/link-${name.replaceAll(' ', '-')}`
      await symlink(target, path)
      const { status, stderr } = await write(path, there)
      assert.ok(status === 0 || name.startsWith('verify'), `${name}: ${stderr}`)
      assert.ok((await lstat(path)).isSymbolicLink(), name)
      assert.ok((await stat(target)).size > 0, name)
    }
  }
  const plan = ['plan', 'docker.io/acme/app:1', '--from', 'docker.io=http://127.0.0.1:1', '--to', 'http://127.0.0.1:1', '--retries', '0']
  for (const script of ['"$@" | cat', '"$@" > "$0"; cat "$0"', 'echo before > "$0"; "$@" >> "$0"; cat "$0"']) {
    const args = ['-c', script, `${own}/out`, ...cliCommand(), ...plan, '--report', '/dev/stdout']
    const { stdout } = spawnSync('sh', args, { encoding: 'utf8' })
    if (script.startsWith('echo')) assert.match(stdout, /^before\n/)
    assert.match(stdout, /1 image[^]*\{"/)
  }
})
