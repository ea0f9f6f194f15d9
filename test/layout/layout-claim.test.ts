import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, readdir, readFile, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { claimLayout } from '../../src/layout/layout-claim.ts'
import { openLayout } from '../../src/layout/open-layout.ts'
import { tempDir } from '../servers/temp-dir.ts'

async function claims(directory: string): Promise<string[]> {
  return (await readdir(directory)).filter((name) => name.startsWith('writer-'))
}

test('the second writer is refused with what to do, and let in once the first has gone', async () => {
  await using dir = await tempDir()
  const first = await openLayout(dir.path)
  await assert.rejects(openLayout(dir.path), (error: Error & { code?: string; hint?: string }) => {
    assert.equal(error.code, 'LAYOUT_LOCKED')
    assert.match(error.message, new RegExp(`process ${process.pid} `))
    assert.match(error.hint ?? '', /remove .*writer-/)
    return true
  })
  await first.close()
  await (await openLayout(dir.path)).close()
  assert.deepEqual(await claims(join(dir.path, '.k3s-mirror')), [])
})

test('of writers that start together at most one gets in, and one after another all do', async () => {
  await using dir = await tempDir()
  let holders = 0
  let turns = 0
  const work = async (): Promise<void> => {
    for (;;) {
      try {
        const lock = await claimLayout(dir.path)
        assert.equal(++holders, 1)
        await new Promise(setImmediate)
        holders--
        turns++
        await lock.release()
        return
      } catch (error) {
        if ((error as { code?: string }).code !== 'LAYOUT_LOCKED') throw error
      }
    }
  }
  await Promise.all(Array.from({ length: 5 }, work))
  assert.equal(turns, 5)
})

test('the claim of a process that is no more, or whose number another process has now, is taken over', async () => {
  await using dir = await tempDir()
  const lock = await claimLayout(dir.path)
  const [own = ''] = await claims(dir.path)
  const [, space, pid] = own.split('-')
  await lock.release()
  await writeFile(join(dir.path, `writer-${space}-4194999-17-aaaaaaaaaaaa`), '')
  await writeFile(join(dir.path, `writer-${space}-${pid}-17-bbbbbbbbbbbb`), '')
  const next = await claimLayout(dir.path)
  assert.equal((await claims(dir.path)).length, 1)
  await next.release()
})

test('the claim of a process that has ended, and whose parent does not ask how, is taken over', async (t) => {
  if (process.platform !== 'linux') return t.skip('needs /proc')
  await using dir = await tempDir()
  const lock = await claimLayout(dir.path)
  const [, space] = ((await claims(dir.path))[0] ?? '').split('-')
  await lock.release()
  // The child ends once `sleep`, which never asks how its children ended, has replaced the shell.
  const parent = spawn('sh', ['-c', 'exec 3<&0; read line <&3 & echo $!; exec sleep 60'], { stdio: ['pipe', 'pipe', 'inherit'] })
  const field = async (of: string | number | undefined, at: number): Promise<string> =>
    (await readFile(`/proc/${of}/stat`, 'utf8')).split(' ')[at] ?? ''
  try {
    const [output] = (await once(parent.stdout, 'data')) as [Buffer]
    const pid = output.toString().trim()
    while ((await field(parent.pid, 1)) !== '(sleep)') await new Promise(setImmediate)
    parent.stdin.end('\n')
    while ((await field(pid, 2)) !== 'Z') await new Promise(setImmediate)
    const start = await field(pid, 21)
    await writeFile(join(dir.path, `writer-${space}-${pid}-${start}-cccccccccccc`), '')
    const next = await claimLayout(dir.path)
    assert.equal((await claims(dir.path)).length, 1)
    await next.release()
  } finally {
    parent.kill()
  }
})

test('the claim of another machine holds while it is touched, and no longer', async () => {
  await using dir = await tempDir()
  const claim = join(dir.path, 'writer-0123456789ab-17-17-aaaaaaaaaaaa')
  await writeFile(claim, '')
  await assert.rejects(claimLayout(dir.path), { code: 'LAYOUT_LOCKED' })
  const old = new Date(Date.now() - 60_000)
  await utimes(claim, old, old)
  await (await claimLayout(dir.path)).release()
})

test('a directory of another user is LOCAL_IO', async (t) => {
  const { geteuid, seteuid } = process
  if (geteuid?.() !== 0 || seteuid === undefined) return t.skip('only root can become another user')
  await using dir = await tempDir()
  await chmod(dir.path, 0o700)
  seteuid(4711)
  try {
    await assert.rejects(claimLayout(dir.path), { code: 'LOCAL_IO', message: /^cannot write .*: permission denied$/ })
  } finally {
    seteuid(0)
  }
})
