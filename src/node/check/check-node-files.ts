import { posix } from 'node:path'
import { isMirrorError } from '../../errors.ts'
import { embeddedAddressOf, generatedHeader, nodePaths, type Product } from '../../registries-yaml/hosts/k3s-flags.ts'
import { hasFeature } from '../../registries-yaml/k3s-features.ts'
import { renderK3s } from '../../registries-yaml/render/k3s.ts'
import type { ConfigVersion } from '../../registries-yaml/render/rendered.ts'
import type { K3sVersion } from '../../release/version.ts'
import { escaped } from '../../text/printable.ts'
import { privateRegistryPath, withEmbeddedAddress, type NodeSettings } from '../node-settings.ts'
import { checkCerts, type CheckedHosts } from './check-certs.ts'
import { checkConfig, findTemplate } from './check-config.ts'
import { checkDropIns } from './check-drop-ins.ts'
import { checkEmbeddedRegistry, embeddedAddressIn } from './check-embedded-registry.ts'
import { checkImages, type CheckedImageFile } from './check-images.ts'
import { checkNodeProxies, type CheckedProxy } from './check-node-proxies.ts'
import { checkPauseImage } from './check-pause-image.ts'
import { checkRegistries, type CheckedRegistries } from './check-registries.ts'
import { nodeFinding, type NodeFinding } from './finding.ts'
import { notRead, type NodeFiles } from './node-files.ts'
import { readNodeSettings } from './read-node-settings.ts'
import { readNodeStart, type NodeStart } from './read-node-start.ts'
import { readRegistrySection } from './registry-section.ts'

/** What a node is. */
export interface NodeCheckOptions {
  readonly product: Product
  /** Default: the newest. */
  readonly version?: K3sVersion | undefined
  readonly signal?: AbortSignal | undefined
}

/** All that the files of a node say about its images. */
export interface NodeFacts {
  readonly settings: NodeSettings
  readonly configPath: string
  readonly registriesPath: string
  readonly role: NodeStart['role']
  readonly hosts: readonly CheckedHosts[]
  readonly proxies: readonly CheckedProxy[]
  readonly images: readonly CheckedImageFile[]
  readonly findings: readonly NodeFinding[]
}

/** Milliseconds by which a file must be newer: a copy changes the times of files one after the other. */
const copyTime = 60_000

/** Findings about a node without any file of K3s; empty for other nodes. */
async function checkProduct(files: NodeFiles, product: Product, paths: readonly string[]): Promise<readonly NodeFinding[]> {
  const has = async (all: readonly string[]): Promise<boolean> => {
    for (const path of all) if (await files.has(path)) return true
    return false
  }
  const other: Product = product === 'k3s' ? 'rke2' : 'k3s'
  const hasOther = await has([`/etc/rancher/${other}`, `/var/lib/rancher/${other}`])
  const fix = hasOther
    ? other === 'rke2'
      ? 'pass options.product'
      : 'remove options.product'
    : 'pass options.root <directory> with a copy of the files of a node'
  if (!(await has(paths))) {
    const name = product === 'k3s' ? 'K3s' : 'RKE2'
    return [
      nodeFinding(
        'k3s-not-found',
        '/',
        `there are no files of ${name} here${hasOther ? `, but files of ${other === 'k3s' ? 'K3s' : 'RKE2'}` : ''}`,
        { fix },
      ),
    ]
  }
  return hasOther
    ? [
        nodeFinding(
          'other-product',
          `/etc/rancher/${other}`,
          `the node has files of ${other === 'k3s' ? 'K3s' : 'RKE2'} too, which were not checked`,
          { fix },
        ),
      ]
    : []
}

/** What only the hosts.toml files show: on an agent that its servers enable the embedded registry, and on a server without --service-cidr that its first address is IPv6. */
async function learnFromHosts(
  files: NodeFiles,
  settings: NodeSettings,
  role: NodeStart['role'],
): Promise<{ readonly settings: NodeSettings; readonly findings: readonly NodeFinding[] }> {
  const own = embeddedAddressOf(settings)
  if (own === undefined ? settings.embeddedRegistry === false || role === 'server' : settings.serviceCidrs !== undefined)
    return { settings, findings: [] }
  const { certs } = nodePaths(settings)
  const entries = await files.list(certs)
  for (const { name } of typeof entries === 'string' ? [] : entries) {
    const file = await files.read(posix.join(certs, name, 'hosts.toml'))
    const address = typeof file === 'string' || !file.text.startsWith(generatedHeader(settings)) ? undefined : embeddedAddressIn(file.text)
    if (address === undefined) continue
    if (own !== undefined) {
      if (address !== own.replace('127.0.0.1', '[::1]')) continue
      return { settings: { ...settings, embeddedAddress: address }, findings: [] }
    }
    const message = `the embedded registry is enabled by the server: containerd asks ${address} first`
    return {
      settings: { ...settings, embeddedRegistry: true, embeddedAddress: address },
      findings: [nodeFinding('embedded-registry-from-server', certs, message)],
    }
  }
  return { settings, findings: [] }
}

/** What K3s would write now. */
function renderNow(
  { registries, path }: CheckedRegistries,
  settings: NodeSettings,
  version: ConfigVersion,
): { readonly files: ReadonlyMap<string, string>; readonly findings: readonly NodeFinding[] } | undefined {
  if (registries === undefined) return undefined
  try {
    return { files: renderK3s(registries, { version, flags: settings }).files, findings: [] }
  } catch (error) {
    if (!isMirrorError(error)) throw error
    return {
      files: new Map(),
      findings: [
        nodeFinding('registries-invalid', path, `K3s does not start: ${error.message}`, {
          fix: error.hint ?? 'correct the file',
          restart: true,
        }),
      ],
    }
  }
}

function newerFindings(id: 'settings-newer' | 'template-newer', paths: readonly { readonly path: string }[]): NodeFinding[] {
  return paths.map(({ path }) => nodeFinding(id, path, notRead, { fix: 'restart K3s', restart: true }))
}

function systemRegistryFinding(
  { systemDefaultRegistry = '' }: NodeSettings,
  { registries }: CheckedRegistries,
  path: string,
): NodeFinding[] {
  if (systemDefaultRegistry === '') return []
  const [host = ''] = systemDefaultRegistry.split('/')
  const isKnown = registries !== undefined && (registries.configs.has(host) || registries.mirrors.has(host))
  const access = isKnown
    ? ''
    : `; registries.yaml has no settings for ${escaped(host)}, so containerd pulls from there without credentials, with the CAs of the system`
  return [nodeFinding('system-default-registry', path, `K3s pulls its own images from ${escaped(systemDefaultRegistry)}${access}`)]
}

/** Checks all files of a node. Reads only below the root and never writes. */
export async function checkNodeFiles(files: NodeFiles, { product, version, signal }: NodeCheckOptions): Promise<NodeFacts> {
  const service = await readNodeStart(files, product)
  const read = await readNodeSettings(files, product, service, signal)
  const { configPath } = read
  if (read.findings.some(({ id }) => id === 'settings-invalid')) {
    const unknown = nodeFinding(
      'settings-unknown',
      configPath,
      'the other files were not checked, because the settings decide where they are',
    )
    const facts = { settings: read.settings, configPath, registriesPath: privateRegistryPath(read.settings), role: service.role }
    return { ...facts, hosts: [], proxies: [], images: [], findings: [...service.findings, ...read.findings, unknown] }
  }
  const learned = await learnFromHosts(files, withEmbeddedAddress({ ...read.settings, version }), service.role)
  const { settings } = learned
  const paths = nodePaths(settings)
  const missing = await checkProduct(files, product, [
    `/etc/rancher/${product}`,
    configPath,
    paths.data,
    ...(service.path === undefined ? [] : [service.path]),
  ])
  const registries = await checkRegistries(files, settings, signal)
  const facts = { settings, configPath, registriesPath: registries.path, role: service.role }
  if (missing.some(({ severity }) => severity === 'error')) return { ...facts, hosts: [], proxies: [], images: [], findings: missing }
  const proxies = checkNodeProxies(
    service.files.at(-1)?.path ?? service.path ?? configPath,
    service.environment,
    registries.registries,
    settings,
  )
  const embedded = await checkEmbeddedRegistry(files, settings)
  const isOld = !hasFeature(version, 'hosts-toml')
  const containerd = isOld
    ? undefined
    : await checkContainerd(files, { settings, version, role: service.role, registries, modified: [...read.files, ...service.files] })
  const old = nodeFinding('old-version', paths.certs, 'this version of K3s has no certs.d: certs.d and config.toml were not checked', {
    // Such a directory shows that the node runs a newer version.
    fix: isOld && (await files.has(paths.certs)) ? 'pass options.k3sVersion with the version of the node' : undefined,
  })
  const images = await checkImages(files, paths.images, settings, signal)
  const findings = [
    ...missing,
    ...service.findings,
    ...read.findings,
    ...learned.findings,
    ...systemRegistryFinding(settings, registries, read.findings.at(-1)?.path ?? configPath),
    ...proxies.findings,
    ...registries.findings,
    ...embedded,
    ...(containerd?.findings ?? [old]),
    ...images.findings,
  ]
  return { ...facts, hosts: containerd?.hosts ?? [], proxies: proxies.endpoints, images: images.images, findings }
}

interface ContainerdInput {
  readonly settings: NodeSettings
  readonly version: K3sVersion | undefined
  readonly role: NodeStart['role']
  readonly registries: CheckedRegistries
  /** Files that K3s reads only when it starts. */
  readonly modified: readonly { readonly path: string; readonly modified: number }[]
}

async function checkContainerd(
  files: NodeFiles,
  { settings, version, role, registries, modified }: ContainerdInput,
): Promise<{ readonly hosts: readonly CheckedHosts[]; readonly findings: readonly NodeFinding[] }> {
  const { containerd: directory, certs } = nodePaths(settings)
  const header = generatedHeader(settings)
  const existing = await files.read(posix.join(directory, 'config.toml'))
  const existingVersion = typeof existing === 'string' ? undefined : readRegistrySection(existing.text)?.version
  // The file shows which containerd the node runs, if the version is not given.
  const newest: ConfigVersion = version === undefined ? (existingVersion === 2 ? 2 : 3) : hasFeature(version, 'config-version-3') ? 3 : 2
  const { template, findings: ofTemplates } = await findTemplate(files, directory, newest === 3 || version === undefined)
  const next = template?.version ?? newest
  const rendered = renderNow(registries, settings, next)
  const section = rendered?.files.get('config.toml')
  const wanted = section === undefined ? undefined : readRegistrySection(section)
  const config = await checkConfig(files, { directory, certs, header, wanted, version: newest, template })
  const pause =
    template === undefined && config.config !== undefined
      ? checkPauseImage(settings, {
          path: posix.join(directory, 'config.toml'),
          image: config.config.sandboxImage,
          isAgent: role === 'agent',
        })
      : []
  const started = config.file?.modified
  const isLater = ({ modified: at }: { readonly modified: number }): boolean => started !== undefined && at > started + copyTime
  const dropIns = await checkDropIns(files, { directory, certs, version: next, config: config.config, isNewer: isLater })
  const { file } = registries
  const isNewer = started !== undefined && file !== undefined && file.modified > started
  const cause = isNewer ? 'registries.yaml was changed after K3s started' : undefined
  const certsFiles = new Map([...(rendered?.files ?? [])].filter(([path]) => path !== 'config.toml'))
  // The first versions with certs.d write other lines for the default endpoint.
  const early = nodeFinding('old-version', certs, 'this version of K3s writes certs.d in an earlier form, which was not checked')
  const checked = !hasFeature(version, 'wildcard')
    ? { hosts: [], findings: [early] }
    : rendered === undefined || rendered.findings.length > 0
      ? { hosts: [], findings: [] }
      : await checkCerts(files, { certs, rendered: certsFiles, header, cause })
  return {
    hosts: checked.hosts,
    findings: [
      ...newerFindings('settings-newer', modified.filter(isLater)),
      ...(rendered?.findings ?? []),
      ...config.findings,
      ...pause,
      ...ofTemplates,
      ...newerFindings('template-newer', template !== undefined && isLater(template.file) ? [template] : []),
      ...dropIns,
      ...checked.findings,
    ],
  }
}
