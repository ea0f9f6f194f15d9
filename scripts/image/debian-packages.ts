import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { promisify } from 'node:util'

/** A package of Debian, and where its files are. */
export interface DebianPackage {
  readonly name: string
  readonly version: string
  /** `all`, or the name that OCI has for it too: `amd64`, `arm64`. */
  readonly architecture: string
  /** The packages that it depends on, as its control file lists them. */
  readonly depends: string
  /** The paragraph by which scanners recognise it in /var/lib/dpkg/status.d. */
  readonly status: string
  /** The directory that the paths start from. */
  readonly root: string
  /** Absolute paths of its files, directories left out or not. */
  readonly paths: readonly string[]
}

const names = ['base-files', 'ca-certificates', 'libc6', 'libgcc-s1', 'libstdc++6']
/** It has the copyright of libgcc-s1 and libstdc++6. */
const compilerBase = /\bgcc-[0-9]+-base\b/

const fields = ['Package', 'Source', 'Version', 'Architecture', 'Maintainer', 'Homepage'] as const

async function run(program: string, args: readonly string[], cwd?: string): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args, { cwd, maxBuffer: 1 << 26, env: { ...process.env, LC_ALL: 'C.UTF-8' } })
  return stdout
}

/** A paragraph of a control file, by field: https://www.debian.org/doc/debian-policy/ch-controlfields.html */
function parseParagraph(text: string): ReadonlyMap<string, string> {
  return new Map([...text.matchAll(/^([A-Za-z-]+): (.*)$/gm)].map(([, field = '', value = '']) => [field, value]))
}

function describe(control: ReadonlyMap<string, string>, place: Pick<DebianPackage, 'root' | 'paths'>): DebianPackage {
  const [name = '', version = '', architecture = '', depends = ''] = ['Package', 'Version', 'Architecture', 'Depends'].map((field) =>
    control.get(field),
  )
  const lines = fields.flatMap((field) => (control.has(field) ? [`${field}: ${control.get(field)}\n`] : []))
  return { name, version, architecture, depends, status: lines.join(''), ...place }
}

/** The packages of Debian that a program linked to libc and libstdc++ runs on: what this machine has of them, the others downloaded once into `cache`. Throws an Error. */
export async function findDebianPackages(architecture: string, cache: string): Promise<readonly DebianPackage[]> {
  const directory = join(resolve(cache), `debian-${architecture}`)
  const installed = (await Promise.all(names.map((name) => findInstalled(name, architecture)))).filter((one) => one !== undefined)
  const missing = names.filter((name) => !installed.some((one) => one.name === name))
  if (missing.length > 0 && !existsSync(directory)) await download(missing, architecture, directory)
  const found = [...installed, ...(missing.length === 0 ? [] : await readDownloaded(directory))]
  const bases = compilerBases(found.map(({ depends }) => depends))
  const others = await Promise.all(
    bases.filter((name) => found.every((one) => one.name !== name)).map((name) => findInstalled(name, architecture)),
  )
  return [...found, ...others.filter((one) => one !== undefined)].toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

function compilerBases(depends: readonly string[]): readonly string[] {
  return [...new Set(depends.flatMap((one) => compilerBase.exec(one)?.[0] ?? []))]
}

/** Undefined where the machine does not have it for that architecture, or for all. */
async function findInstalled(name: string, architecture: string): Promise<DebianPackage | undefined> {
  for (const query of [`${name}:${architecture}`, name]) {
    const control = parseParagraph(await run('dpkg-query', ['--status', query]).catch(() => ''))
    if (control.get('Status') !== 'install ok installed' || !['all', architecture].includes(control.get('Architecture') ?? '')) continue
    const paths = (await run('dpkg-query', ['--listfiles', query])).split('\n')
    return describe(control, { root: '/', paths })
  }
  return undefined
}

async function readDownloaded(directory: string): Promise<readonly DebianPackage[]> {
  const root = join(directory, 'root')
  return Promise.all(
    (await archivesIn(directory)).map(async (archive) => {
      const control = parseParagraph(await run('dpkg-deb', ['--field', archive], directory))
      const contents = await run('sh', ['-c', 'dpkg-deb --fsys-tarfile "$1" | tar --list', 'sh', archive], directory)
      return describe(control, { root, paths: contents.split('\n').map((path) => path.replace(/^\./, '')) })
    }),
  )
}

async function archivesIn(directory: string): Promise<readonly string[]> {
  return (await readdir(directory)).filter((name) => name.endsWith('.deb'))
}

/** Downloads and unpacks the packages with apt, in a state of its own: nothing of the machine's packages changes. */
async function download(missing: readonly string[], architecture: string, directory: string): Promise<void> {
  const unfinished = `${directory}.part`
  await rm(unfinished, { recursive: true, force: true })
  for (const name of ['apt/lists/partial', 'apt/archives/partial', 'root']) await mkdir(join(unfinished, name), { recursive: true })
  const state = join(unfinished, 'apt')
  const configuration = join(state, 'apt.conf')
  await writeFile(join(state, 'status'), '')
  await writeFile(configuration, aptConfiguration(architecture, state))
  const apt = (...args: readonly string[]): Promise<string> =>
    run('apt-get', ['--config-file', configuration, '--quiet', ...args], unfinished)
  try {
    await apt('update', '--error-on=any')
    await apt('download', ...missing)
    const controls = await Promise.all((await archivesIn(unfinished)).map((archive) => run('dpkg-deb', ['--field', archive], unfinished)))
    const bases = compilerBases(controls.map((control) => parseParagraph(control).get('Depends') ?? ''))
    if (bases.length > 0) await apt('download', ...bases)
  } catch (cause) {
    const why = /^[EW]: .*$/m.exec(String((cause as { stderr?: unknown }).stderr))?.[0] ?? String(cause)
    throw new Error(
      `cannot download Debian's packages for ${architecture}: ${why}\n` +
        `hint: run it where apt-get reaches a mirror of Debian, pass --base <image>, or build the other platform only, with --platform`,
      { cause },
    )
  }
  for (const archive of await archivesIn(unfinished)) await run('dpkg-deb', ['--extract', archive, join(unfinished, 'root')], unfinished)
  await rm(state, { recursive: true })
  await rename(unfinished, directory)
}

/** Read after the machine's own configuration, whose sources and proxies stay. https://manpages.debian.org/bookworm/apt/apt.conf.5.en.html */
function aptConfiguration(architecture: string, state: string): string {
  const hooks = ['APT::Update::Pre-Invoke', 'APT::Update::Post-Invoke', 'APT::Update::Post-Invoke-Success', 'DPkg::Post-Invoke']
  const quoted = (path: string): string => JSON.stringify(path)
  return [
    ...[...hooks, 'APT::Architectures'].map((name) => `#clear ${name};`),
    `APT::Architecture "${architecture}";`,
    `APT::Architectures { "${architecture}"; };`,
    `APT::Sandbox::User "root";`,
    `Acquire::Languages "none";`,
    `Dir::State ${quoted(state)};`,
    `Dir::State::Lists ${quoted(join(state, 'lists'))};`,
    `Dir::State::Status ${quoted(join(state, 'status'))};`,
    `Dir::Cache ${quoted(state)};`,
    `Dir::Cache::pkgcache "";`,
    `Dir::Cache::srcpkgcache "";`,
    '',
  ].join('\n')
}

/** The path of the file that has this name in one of the packages, below the root of its package; undefined where none has it. */
export function findFile(packages: readonly DebianPackage[], name: string): string | undefined {
  for (const { root, paths } of packages) {
    const path = paths.find((one) => basename(one) === name)
    if (path !== undefined) return join(root, path)
  }
  return undefined
}
