import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { list } from 'tar'
import { projectRoot } from '../build-cli.ts'
import { nodeVersion, type Target } from './targets.ts'

/** The npm packages of Node, kept for the next build. */
const cache = join(projectRoot, 'node_modules/.cache/k3s-mirror-package')

function integrityOf(file: string): string | undefined {
  return existsSync(file) ? `sha512-${createHash('sha512').update(readFileSync(file)).digest('base64')}` : undefined
}

function downloaded(target: Target): string {
  const file = join(cache, `${target.package}-${nodeVersion}.tgz`)
  if (integrityOf(file) === target.integrity) return file
  // What an interrupted download left.
  rmSync(file, { force: true })
  mkdirSync(cache, { recursive: true })
  const name = `${target.package}@${nodeVersion}`
  const pack = spawnSync('npm', ['pack', name, '--loglevel=error', '--pack-destination', cache], {
    cwd: projectRoot,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  })
  if (pack.status !== 0)
    throw new Error(`cannot download ${name} with npm pack: ${pack.stderr.trim()}\nhint: put its tarball into ${cache}`)
  const integrity = integrityOf(file)
  if (integrity !== target.integrity)
    throw new Error(`${name} has an unexpected checksum: expected ${target.integrity}, found ${integrity}`)
  return file
}

/** Files of the npm package with a target's Node, by their path in it; throws when the package cannot be downloaded or is not the expected one. */
export function readNodePackage(target: Target, paths: readonly string[]): ReadonlyMap<string, Buffer> {
  const file = downloaded(target)
  const found = new Map<string, Buffer>()
  list({
    file,
    sync: true,
    filter: (path) => paths.includes(path.replace(/^package\//, '')),
    onReadEntry: (entry) => {
      const chunks: Buffer[] = []
      entry.on('data', (chunk: Buffer) => chunks.push(chunk))
      entry.on('end', () => found.set(entry.path.replace(/^package\//, ''), Buffer.concat(chunks)))
    },
  })
  for (const path of paths) if (!found.has(path)) throw new Error(`${target.package}@${nodeVersion} has no file ${path}`)
  return found
}
