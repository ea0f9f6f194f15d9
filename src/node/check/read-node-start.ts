import { posix } from 'node:path'
import type { Product } from '../../registries-yaml/hosts/k3s-flags.ts'
import { nodeFinding, type NodeFinding } from './finding.ts'
import { unreadableFinding, type NodeFiles } from './node-files.ts'
import { parseEnvironmentFile, parseOpenRc, parseUnit, type ServiceUnit } from './unit-file.ts'

/** How a node starts K3s. */
export interface NodeStart {
  /** The file of the service; undefined for a node without one. */
  readonly path: string | undefined
  /** `server` or `agent`; undefined if unknown. */
  readonly role: 'server' | 'agent' | undefined
  /** The flags after `server` or `agent`. */
  readonly args: readonly string[]
  readonly environment: ReadonlyMap<string, string>
  /** The files that were read, with the time of their last change. */
  readonly files: readonly { readonly path: string; readonly modified: number }[]
  readonly findings: readonly NodeFinding[]
}

/** In the order of precedence: https://www.freedesktop.org/software/systemd/man/latest/systemd.unit.html */
const unitDirectories = [
  '/etc/systemd/system',
  '/run/systemd/system',
  '/usr/local/lib/systemd/system',
  '/usr/lib/systemd/system',
  '/lib/systemd/system',
]
const namePatterns: Readonly<Record<Product, RegExp>> = { k3s: /^(k3s(?:-[\w.-]+)?)\.service$/, rke2: /^(rke2-(?:server|agent))\.service$/ }
const openRcPattern: Readonly<Record<Product, RegExp>> = { k3s: /^k3s(?:-[\w.-]+)?$/, rke2: /^rke2-(?:server|agent)$/ }

interface Found {
  readonly path: string
  readonly name: string
  readonly isOpenRc: boolean
}

async function findServices(files: NodeFiles, product: Product): Promise<readonly Found[]> {
  const found: Found[] = []
  for (const [directory, pattern] of [
    ...unitDirectories.map((one) => [one, namePatterns[product]] as const),
    ['/etc/init.d', openRcPattern[product]] as const,
  ]) {
    const entries = await files.list(directory)
    if (typeof entries === 'string') continue
    for (const { name: file, kind } of entries) {
      const [whole, name = whole] = pattern.exec(file) ?? []
      // A mask is a link to /dev/null.
      if (name === undefined || kind === 'directory' || found.some((one) => one.name === name)) continue
      found.push({ path: posix.join(directory, file), name, isOpenRc: directory === '/etc/init.d' })
    }
  }
  // A server comes first, and the usual name before others.
  const rank = ({ name }: Found): number => ['k3s', 'rke2-server', 'k3s-agent', 'rke2-agent'].indexOf(name) >>> 0
  return found.toSorted((a, b) => rank(a) - rank(b))
}

/** The files that install scripts name in their units, for a copy without a unit. */
function usualEnvironmentFiles(product: Product): readonly string[] {
  const names = product === 'k3s' ? ['k3s', 'k3s-agent'] : ['rke2-server', 'rke2-agent']
  return names.flatMap((name) => [
    `/etc/default/${name}`,
    `/etc/sysconfig/${name}`,
    product === 'k3s' ? `/etc/systemd/system/${name}.service.env` : `/usr/local/lib/systemd/system/${name}.env`,
    ...(product === 'k3s' ? [`/etc/rancher/k3s/${name}.env`] : []),
  ])
}

const noUnit: ServiceUnit = { args: [], environment: new Map(), environmentFiles: [] }

/** Reads the service of a node with its environment files: systemd or OpenRC. */
export async function readNodeStart(files: NodeFiles, product: Product): Promise<NodeStart> {
  const findings: NodeFinding[] = []
  const used: { path: string; modified: number }[] = []
  const readText = async (path: string): Promise<string | undefined> => {
    const file = await files.read(path)
    if (typeof file === 'string') {
      const finding = unreadableFinding(path, file)
      if (finding !== undefined) findings.push(finding)
      return undefined
    }
    used.push({ path, modified: file.modified })
    return file.text
  }
  const [service, ...others] = await findServices(files, product)
  let unit = noUnit
  if (service !== undefined) {
    const dropIns = await files.list(`${service.path}.d`)
    const paths =
      typeof dropIns === 'string'
        ? []
        : dropIns.filter(({ name }) => name.endsWith('.conf')).map(({ name }) => posix.join(`${service.path}.d`, name))
    const texts: string[] = []
    for (const path of [service.path, ...paths]) texts.push((await readText(path)) ?? '')
    unit = service.isOpenRc ? parseOpenRc(texts[0] ?? '') : parseUnit(texts, service.name)
    if (others.length > 0) {
      const names = others.map(({ path }) => path).join(', ')
      findings.push(nodeFinding('several-services', service.path, `the node has other services too, which were not checked: ${names}`))
    }
  }
  const environment = new Map(unit.environment)
  for (const path of unit.environmentFiles.length > 0 ? unit.environmentFiles : usualEnvironmentFiles(product)) {
    const text = await readText(path)
    for (const [name, value] of text === undefined ? [] : parseEnvironmentFile(text)) environment.set(name, value)
  }
  const [command, ...args] = unit.args
  const role = command === 'server' || command === 'agent' ? command : undefined
  const nameRole = service?.name.endsWith('-agent') === true ? 'agent' : service === undefined ? undefined : 'server'
  return { path: service?.path, role: role ?? nameRole, args, environment, files: used, findings }
}
