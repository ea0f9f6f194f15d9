import { createHash } from 'node:crypto'
import type { KitFile } from '../bundle/bundle-record.ts'
import { binaryNames, checksumFileOf } from '../kit/architectures.ts'
import { packageCommand } from '../kit/package-command.ts'
import { channelsOf } from '../kit/releases.ts'
import { nodePath, registriesPath, type PageFacts } from './page-facts.ts'
import { caPath } from './served-files.ts'

/** What is typed on a node, and what for. */
export interface NodeCommand {
  readonly title: string
  /** A sentence in front of the command. */
  readonly note?: string
  /** Lines for a shell of root. */
  readonly lines: readonly string[]
}

type SiteFacts = Pick<PageFacts, 'origin' | 'files' | 'caCertificate' | 'hasPasswords' | 'protectFiles'>

/** Where nodes keep the CA certificate of the server; generated registries.yaml name the same path. */
export const nodeCaPath = '/etc/rancher/k3s/registry-ca.crt'

/** A path of a file in a URL: https://www.rfc-editor.org/rfc/rfc3986#section-3.3 allows `+`, but K3s' installer writes `%2B`. */
export function urlPath(path: string): string {
  return path.replaceAll('+', '%2B')
}

function packagesOf(files: readonly KitFile[]): readonly KitFile[] {
  return files.filter(({ path }) => path.startsWith('k3s-selinux/') && path.endsWith('.rpm'))
}

/** curl with these options, and with a login where files require one. */
function curl({ protectFiles }: SiteFacts, flags: string): string {
  return `curl ${flags}${protectFiles === true ? ' --user NAME' : ''}`
}

/** The commands that install K3s from this server, with these variables in addition. The installer does not look for packages: it would ask servers that no node behind the gap reaches, and fail. Where files require a login, which it does not send, it downloads nothing. */
function installLines(facts: SiteFacts, tag: string, more: readonly string[] = []): readonly string[] {
  const { origin, files = [], protectFiles } = facts
  const site = origin.origin
  const install = (...variables: readonly string[]): string =>
    `${curl(facts, '-sfL')} ${site}/install.sh | ${[...variables, ...more].join(' ')} sh -`
  if (protectFiles !== true)
    return [install(`INSTALL_K3S_ARTIFACT_URL=${site}/k3s`, `INSTALL_K3S_VERSION=${tag}`, 'INSTALL_K3S_SKIP_SELINUX_RPM=true')]
  const [, binary = 'k3s'] = binaryOf(tag, files) ?? []
  return [
    `${curl(facts, '-sfL')} ${site}/k3s/${urlPath(tag)}/${binary} -o /usr/local/bin/k3s && chmod 755 /usr/local/bin/k3s`,
    install('INSTALL_K3S_SKIP_DOWNLOAD=true'),
  ]
}

function trust(site: string, caCertificate: string): NodeCommand {
  const digest = createHash('sha256').update(caCertificate).digest('hex')
  return {
    title: 'Trust the certificate of this server',
    note: 'Compare the checksum with what kit serve printed at its start. The variable applies to the commands below, in the same shell.',
    lines: [
      'mkdir -p /etc/rancher/k3s',
      `curl -skf ${site}${caPath} -o ${nodeCaPath}`,
      `echo "${digest}  ${nodeCaPath}" | sha256sum -c`,
      `export CURL_CA_BUNDLE=${nodeCaPath}`,
    ],
  }
}

function selinux(facts: SiteFacts): NodeCommand | undefined {
  const { origin, files = [] } = facts
  const packages = packagesOf(files)
  if (packages.length === 0) return undefined
  return {
    title: 'Nodes with SELinux',
    note: 'Install the package for the distribution of the node before K3s. It requires container-selinux from that distribution.',
    lines: packages.map(
      ({ path }) => `${curl(facts, '-sfLO')} ${origin.origin}/${urlPath(path)} && ${packageCommand(path.replace(/^.*\//, ''))}`,
    ),
  }
}

/** The release that commands name: the newest one, a pre-release where there is no other. */
function releaseFor(files: readonly KitFile[]): string | undefined {
  const channels = channelsOf(files)
  return channels.get('stable') ?? channels.get('testing')
}

/** What is typed to install the first server; empty for files without an installer or a release. */
export function firstServerCommands(facts: SiteFacts): readonly NodeCommand[] {
  const { origin, files = [], caCertificate, hasPasswords, protectFiles } = facts
  const site = origin.origin
  const tag = releaseFor(files)
  if (tag === undefined || !files.some(({ path }) => path === 'install.sh')) return []
  return [
    ...(caCertificate === undefined ? [] : [trust(site, caCertificate)]),
    {
      title: 'Pull images from this server',
      note: `On every node, before K3s is installed.${protectFiles === true ? ' Replace NAME in all commands: curl asks for the password.' : ''}${hasPasswords ? ' Then fill in "auth" in the file: images require a password.' : ''}`,
      // The command for the certificate has made the directory.
      lines: [
        ...(caCertificate === undefined ? ['mkdir -p /etc/rancher/k3s'] : []),
        `${curl(facts, '-sfL')} ${site}${registriesPath} -o ${nodePath}`,
      ],
    },
    { title: 'Install the first server', lines: installLines(facts, tag) },
  ]
}

/** The first architecture that the files have a binary of a release for, and that binary. */
function binaryOf(tag: string, files: readonly KitFile[]): readonly [arch: string, binary: string] | undefined {
  const has = (name: string): boolean => files.some(({ path }) => path === `k3s/${tag}/${name}`)
  return Object.entries(binaryNames).find(([name, file]) => has(checksumFileOf(name)) && has(file))
}

/** The binary of a release and how its checksum is compared. */
function check(facts: SiteFacts, tag: string): NodeCommand | undefined {
  const { origin, files = [] } = facts
  const [arch, binary] = binaryOf(tag, files) ?? []
  if (arch === undefined) return undefined
  const below = `${origin.origin}/k3s/${urlPath(tag)}`
  return {
    title: 'Check the binary by hand',
    lines: [
      `${curl(facts, '-sfLO')} ${below}/${binary}`,
      `${curl(facts, '-sfL')} ${below}/${checksumFileOf(arch)} | grep ' ${binary}$' | sha256sum -c`,
    ],
  }
}

const executable = 'k3s-mirror/k3s-mirror-linux-amd64'

/** What is typed on nodes to install K3s from a kit, in this order; empty for files without an installer or a release. */
export function nodeCommands(facts: SiteFacts): readonly NodeCommand[] {
  const { origin, files = [] } = facts
  const site = origin.origin
  const tag = releaseFor(files) ?? ''
  const first = firstServerCommands(facts)
  if (first.length === 0) return []
  const agent: NodeCommand = {
    title: 'Install an agent',
    note: 'Replace SERVER by the address of the first server, and TOKEN by the content of /var/lib/rancher/k3s/server/node-token there.',
    lines: installLines(facts, tag, ['K3S_URL=https://SERVER:6443', 'K3S_TOKEN=TOKEN']),
  }
  const own: NodeCommand = {
    title: 'Get k3s-mirror itself',
    lines: [`${curl(facts, '-sfL')} ${site}/${executable} -o k3s-mirror && chmod +x k3s-mirror`],
  }
  const commands = [
    ...first.slice(0, -1),
    selinux(facts),
    ...first.slice(-1),
    agent,
    check(facts, tag),
    files.some(({ path }) => path === executable) ? own : undefined,
  ]
  return commands.filter((command) => command !== undefined)
}
