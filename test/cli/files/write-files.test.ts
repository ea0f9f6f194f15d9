import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { removeStale, writeFiles } from '../../../src/cli/files/write-files.ts'
import { tempDir } from '../../servers/temp-dir.ts'

const { signal } = new AbortController()
const isReplaceable = (found: string): boolean => found === 'old'

async function modeOf(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o777).toString(8)
}

/** Paths of everything below a directory, directories with a slash at the end; links are not followed. */
async function tree(directory: string, top = directory): Promise<readonly string[]> {
  const entries = await readdir(directory, { withFileTypes: true })
  const paths = entries.map(async (entry) => {
    const path = join(directory, entry.name)
    const shown = path.slice(top.length + 1)
    return entry.isDirectory() ? [`${shown}/`, ...(await tree(path, top))] : [shown]
  })
  return (await Promise.all(paths)).flat().toSorted()
}

test('gives only the owner access to new files and directories', async () => {
  await using directory = await tempDir()
  const out = join(directory.path, 'made', 'here')
  const written = await writeFiles(
    out,
    new Map([
      ['a/b/x', 'X'],
      ['y', 'Y'],
    ]),
    { signal, isReplaceable },
  )
  assert.deepEqual(written, [join(out, 'a/b/x'), join(out, 'y')])
  assert.equal(await readFile(join(out, 'a/b/x'), 'utf8'), 'X')
  assert.deepEqual(await Promise.all(['..', '.', 'a', 'a/b', 'a/b/x', 'y'].map((path) => modeOf(join(out, path)))), [
    '700',
    '700',
    '700',
    '700',
    '600',
    '600',
  ])
  assert.deepEqual(await tree(out), ['a/', 'a/b/', 'a/b/x', 'y'])
})

test('replaces an existing file, even one that others could read', async () => {
  await using directory = await tempDir()
  await writeFile(join(directory.path, 'y'), 'old', { mode: 0o644 })
  await writeFiles(directory.path, new Map([['y', 'new']]), { signal, isReplaceable })
  assert.equal(await readFile(join(directory.path, 'y'), 'utf8'), 'new')
  assert.equal(await modeOf(join(directory.path, 'y')), '600')
})

test('writes nothing if one file must not be replaced, unless its content is the same', async () => {
  await using directory = await tempDir()
  await writeFile(join(directory.path, 'y'), 'theirs')
  const files = (text: string): ReadonlyMap<string, string> =>
    new Map([
      ['x', 'X'],
      ['y', text],
    ])
  const refusal = { code: 'USAGE', message: /y: it already exists/, hint: /--force/ }
  await assert.rejects(writeFiles(directory.path, files('ours'), { signal, isReplaceable }), refusal)
  assert.deepEqual(await tree(directory.path), ['y'])
  await writeFiles(directory.path, files('theirs'), { signal, isReplaceable })
  assert.deepEqual(await tree(directory.path), ['x', 'y'])
})

const strangers: Readonly<Record<string, (out: string) => Promise<unknown>>> = {
  'a directory where a file belongs': (out) => mkdir(join(out, 'a/b/x'), { recursive: true }),
  'a link where a file belongs': async (out) => {
    await mkdir(join(out, 'a/b'), { recursive: true })
    await symlink('/missing', join(out, 'a/b/x'))
  },
  'a file where a directory belongs': (out) => writeFile(join(out, 'a'), ''),
  'a link where a directory belongs': (out) => symlink('/missing', join(out, 'a')),
}

for (const [name, plant] of Object.entries(strangers)) {
  test(`rejects ${name} before any write`, async () => {
    await using directory = await tempDir()
    await plant(directory.path)
    const before = await tree(directory.path)
    await assert.rejects(
      writeFiles(
        directory.path,
        new Map([
          ['y', 'Y'],
          ['a/b/x', 'X'],
        ]),
        { signal, isReplaceable },
      ),
      {
        code: 'LOCAL_IO',
        message: /it exists and is not a .*; nothing was written$/,
      },
    )
    assert.deepEqual(await tree(directory.path), before)
  })
}

test('writes nothing after an abort', async () => {
  await using directory = await tempDir()
  await assert.rejects(writeFiles(directory.path, new Map([['y', 'Y']]), { signal: AbortSignal.abort(), isReplaceable }), {
    name: 'AbortError',
  })
  assert.deepEqual(await tree(directory.path), [])
})

test('removes only stale files and the directories that they leave empty', async () => {
  await using directory = await tempDir()
  const top = join(directory.path, 'certs.d')
  const put = async (path: string, text: string): Promise<void> => {
    await mkdir(join(top, path, '..'), { recursive: true })
    await writeFile(join(top, path), text)
  }
  await put('kept/hosts.toml', '# ours\n')
  await put('stale/hosts.toml', '# ours\nx')
  await put('https:/deep/hosts.toml', '# ours\n')
  await put('shared/hosts.toml', '# ours\n')
  await put('shared/ca.crt', '# ours\n')
  await put('theirs/hosts.toml', '# theirs\n# ours\n')
  await put('longer/hosts.toml', '# ours too\n')
  await symlink(join(top, 'kept'), join(top, 'link'))
  const removed = await removeStale(top, { name: 'hosts.toml', headers: ['# ours'], keep: new Set([join(top, 'kept/hosts.toml')]) })
  assert.deepEqual(
    removed.toSorted(),
    ['https:/deep', 'shared', 'stale'].map((path) => join(top, path, 'hosts.toml')),
  )
  assert.deepEqual(await tree(top), [
    'kept/',
    'kept/hosts.toml',
    'link',
    'longer/',
    'longer/hosts.toml',
    'shared/',
    'shared/ca.crt',
    'theirs/',
    'theirs/hosts.toml',
  ])
})

test('finds no stale files in a missing or linked directory', async () => {
  await using directory = await tempDir()
  const options = { name: 'hosts.toml', headers: ['# ours'], keep: new Set<string>() }
  assert.deepEqual(await removeStale(join(directory.path, 'none'), options), [])
  await mkdir(join(directory.path, 'real'))
  await writeFile(join(directory.path, 'real/hosts.toml'), '# ours\n')
  await symlink(join(directory.path, 'real'), join(directory.path, 'link'))
  assert.deepEqual(await removeStale(join(directory.path, 'link'), options), [])
})
