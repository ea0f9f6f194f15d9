import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { DockerEngine } from './docker-engine.ts'
import { executableFile } from './require-server.ts'
import { tempDir } from './temp-dir.ts'

/** Imports the project's executable and its libraries as an image; needs `requireServer(t, 'executable')`. */
export async function importProjectImage(engine: DockerEngine, name: string): Promise<void> {
  const run = promisify(execFile)
  const { stdout } = await run('ldd', [executableFile])
  const libraries = [...stdout.matchAll(/(\/\S+\.so\S*) \(/g)].map(([, path = '']) => path)
  await using directory = await tempDir()
  const file = `${directory.path}/root.tar`
  await run('tar', ['-chf', file, '--transform=s,^.*/k3s-mirror-linux-amd64$,k3s-mirror,', '-P', executableFile, ...libraries])
  await engine.docker('import', '--change', 'ENTRYPOINT ["/k3s-mirror"]', file, name)
}
