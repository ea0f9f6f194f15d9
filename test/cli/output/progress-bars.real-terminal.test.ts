import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const program = fileURLToPath(new URL('bars-in-terminal.ts', import.meta.url))
const hasPython = spawnSync('python3', ['-c', 'import pty, fcntl, termios']).status === 0

/** Runs a program in a pseudo-terminal of 60 columns, narrows it to 50 once bars are drawn, presses Ctrl-C, and prints what was shown. */
const session = `
import fcntl, os, pty, struct, sys, termios
def resize(columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', 24, columns, 0, 0))
pid, fd = pty.fork()
if pid == 0:
    os.read(0, 1)
    os.execvp(sys.argv[1], sys.argv[1:])
resize(60)
os.write(fd, b'\\n')
shown = b''
def read_until(word):
    global shown
    start = len(shown)
    while word not in shown[start:]:
        shown += os.read(fd, 65536)
read_until(b'0 B of 100 B')
resize(50)
read_until(b' 0%')
os.write(fd, b'\\x03')
try:
    while True:
        more = os.read(fd, 65536)
        if not more: break
        shown += more
except OSError:
    pass
_, status = os.waitpid(pid, 0)
sys.stdout.buffer.write(shown)
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(status))
`

describe('bars in a real terminal', { skip: hasPython ? false : 'python3 with pty is not installed' }, () => {
  it('are drawn, follow its size, and give the cursor back when Ctrl-C ends the process', { timeout: 30_000 }, async () => {
    const env = { ...process.env, CI: '', TERM: 'xterm', NO_COLOR: '1', FORCE_COLOR: '0' }
    const run = promisify(execFile)('python3', ['-c', session, process.execPath, '--import', 'tsx', program], { env, timeout: 25_000 })
    const failure: unknown = await run.catch((error: unknown) => error)
    assert.ok(failure instanceof Error && 'code' in failure && 'stdout' in failure)
    assert.equal(failure.code, 130)
    const shown = String(failure.stdout)
    assert.match(shown, /copied docker\.io\/rancher\/a:1/)
    assert.match(shown, /1\/2 images/)
    assert.ok(shown.includes('\u001B[?25l'), 'the cursor was hidden')
    assert.ok(shown.lastIndexOf('\u001B[?25h') > shown.lastIndexOf('\u001B[?25l'), 'and is shown again')
    assert.ok(shown.lastIndexOf('\u001B[?7h') > shown.lastIndexOf('\u001B[?7l'), 'lines are wrapped again')
  })
})
