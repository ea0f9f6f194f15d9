import { createHash } from 'node:crypto'
import type { KitFile } from '../bundle/bundle-record.ts'
import { releasesOf } from './channels.ts'
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

/** Where nodes keep the CA certificate of the server; generated registries.yaml name the same path. */
export const nodeCaPath = '/etc/rancher/k3s/registry-ca.crt'

/** A path of a file in a URL: https://www.rfc-editor.org/rfc/rfc3986#section-3.3 allows `+`, but K3s' installer writes `%2B`. */
export function urlPath(path: string): string {
  return path.replaceAll('+', '%2B')
}

/** The command that installs K3s from this server, with these variables in addition. */
function installLine(site: string, tag: string, more: readonly string[] = []): string {
  const variables = [`INSTALL_K3S_ARTIFACT_URL=${site}/k3s`, `INSTALL_K3S_VERSION=${tag}`, ...more]
  return `curl -sfL ${site}/install.sh | ${variables.join(' ')} sh -`
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

function selinux(site: string, files: readonly KitFile[]): NodeCommand | undefined {
  const packages = files.filter(({ path }) => path.startsWith('k3s-selinux/') && path.endsWith('.rpm'))
  if (packages.length === 0) return undefined
  return {
    title: 'Nodes with SELinux',
    note: 'Install the package for the distribution of the node first. Then add INSTALL_K3S_SKIP_SELINUX_RPM=true in front of "sh -" below.',
    lines: packages.map(({ path }) => `curl -sfLO ${site}/${urlPath(path)} && dnf install -y ./${path.replace(/^.*\//, '')}`),
  }
}

/** What is typed on nodes to install K3s from a kit, in this order; empty for files without an installer or a release. */
export function nodeCommands({
  origin,
  files = [],
  caCertificate,
}: Pick<PageFacts, 'origin' | 'files' | 'caCertificate'>): readonly NodeCommand[] {
  const site = origin.origin
  const [tag] = releasesOf(files)
  const has = (path: string): boolean => files.some((file) => file.path === path)
  if (tag === undefined || !has('install.sh')) return []
  const below = `k3s/${tag}`
  const sums = ['amd64', 'arm64', 'arm'].map((arch) => `${below}/sha256sum-${arch}.txt`).find(has)
  const binary = { amd64: 'k3s', arm64: 'k3s-arm64', arm: 'k3s-armhf' }[/sha256sum-(\w+)/.exec(sums ?? '')?.[1] ?? ''] ?? 'k3s'
  const commands: readonly (NodeCommand | undefined)[] = [
    caCertificate === undefined ? undefined : trust(site, caCertificate),
    {
      title: 'Pull images from this server',
      note: 'On every node, before K3s is installed.',
      lines: ['mkdir -p /etc/rancher/k3s', `curl -sfL ${site}${registriesPath} -o ${nodePath}`],
    },
    selinux(site, files),
    { title: 'Install the first server', lines: [installLine(site, tag)] },
    {
      title: 'Install an agent',
      note: 'Replace SERVER by the address of the first server, and TOKEN by the content of /var/lib/rancher/k3s/server/node-token there.',
      lines: [installLine(site, tag, ['K3S_URL=https://SERVER:6443', 'K3S_TOKEN=TOKEN'])],
    },
    sums === undefined
      ? undefined
      : {
          title: 'Check the binary by hand',
          lines: [
            `curl -sfLO ${site}/${urlPath(`${below}/${binary}`)}`,
            `curl -sfL ${site}/${urlPath(sums)} | grep ' ${binary}$' | sha256sum -c`,
          ],
        },
    has('k3s-mirror/k3s-mirror-linux-amd64')
      ? {
          title: 'Get k3s-mirror itself',
          lines: [`curl -sfL ${site}/k3s-mirror/k3s-mirror-linux-amd64 -o k3s-mirror && chmod +x k3s-mirror`],
        }
      : undefined,
  ]
  return commands.filter((command) => command !== undefined)
}
