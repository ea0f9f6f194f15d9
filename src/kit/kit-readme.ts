import type { KitFile } from '../bundle/bundle-record.ts'
import { shellQuoted } from '../text/shell-quoted.ts'
import { binaryNames, type Architecture } from './architectures.ts'
import { packageCommand } from './package-command.ts'

/** Where a kit, or a directory of kits, is described. */
export const readmeFile = 'README.md'

/** What the README of a kit is about. */
export interface ReadmeFacts {
  /** The file name of the kit. */
  readonly name: string
  /** True where the kit is split into parts. */
  readonly isSplit: boolean
  /** `k3s-mirror/<version>` of what made it. */
  readonly tool: string
  /** Release tags, the newest last. */
  readonly releases: readonly string[]
  readonly architectures: readonly Architecture[]
  /** Registries that the images' names begin with. */
  readonly registries: readonly string[]
  /** How many images there are. */
  readonly images: number
  /** The files of the kit, without README.md and SHA256SUMS. */
  readonly files: readonly KitFile[]
  /** The files that an earlier kit brought. */
  readonly before: readonly KitFile[]
  /** True where an earlier kit is needed, be it for images only. */
  readonly isDelta: boolean
  /** True where the installer can download K3s from the site. */
  readonly installsFromSite: boolean
}

/** An address that the reader replaces. */
const site = 'https://kit.example.com'

/** The name of the kit as a word of a command. */
function kitWord({ name }: ReadmeFacts): string {
  return shellQuoted(name.startsWith('-') ? `./${name}` : name)
}

function code(...lines: readonly string[]): string {
  return ['```sh', ...lines, '```'].join('\n')
}

/** The executable that the commands use, by its path in the kit. */
function executableOf({ files, before }: ReadmeFacts): string | undefined {
  return [...files, ...before].map(({ path }) => path).find((path) => path.startsWith('k3s-mirror/k3s-mirror-linux-'))
}

function pathsOf({ files, before }: ReadmeFacts, matches: (path: string) => boolean): readonly string[] {
  return [...files, ...before]
    .map(({ path }) => path)
    .filter(matches)
    .toSorted()
}

const isArchive = (path: string): boolean => /\/k3s-airgap-images-[^/]+$/.test(path)
const isPackage = (path: string): boolean => path.startsWith('k3s-selinux/')

function contents(facts: ReadmeFacts): string {
  const { tool, releases, architectures, images, isDelta, before } = facts
  const paths = facts.files.map(({ path }) => path)
  const parts = [
    `- ${images} ${images === 1 ? 'image' : 'images'}, as an OCI layout`,
    ...releases.map((release) => `- K3s ${release} for ${architectures.join(', ')}, with its checksums, in \`k3s/${release}/\``),
    ...(paths.includes('install.sh') ? ['- the installer of K3s: `install.sh`'] : []),
    ...(paths.some(isArchive) ? ["- archives for K3s' images directory"] : []),
    ...paths.filter(isPackage).map((path) => `- the SELinux policy of K3s: \`${path}\``),
    ...paths.filter((path) => path.startsWith('k3s-mirror/k3s-mirror-')).map((path) => `- k3s-mirror itself: \`${path}\``),
  ]
  const delta = `\n\nThis kit builds on an earlier one. It leaves out what that one brought${before.length > 0 ? `, such as \`${before[0]?.path}\`` : ''}. Push both.`
  return `Made by ${tool}. The kit contains:\n\n${parts.join('\n')}${isDelta ? delta : ''}`
}

function checking(facts: ReadmeFacts): string {
  const { isSplit, files } = facts
  const name = kitWord(facts)
  const sums = files.some(({ path }) => path === 'k3s-mirror/SHA256SUMS') ? executableOf(facts) : undefined
  const isHere = files.some(({ path }) => path === sums)
  const joined = isSplit ? [`sha256sum --check ${name}.sha256`, `cat ${name}.[0-9][0-9][0-9] > ${name}`] : []
  const own =
    sums === undefined || !isHere
      ? []
      : [
          'Take k3s-mirror out of the kit, and let it read every byte:',
          code(
            `tar -xf ${name} ${sums} k3s-mirror/SHA256SUMS`,
            '(cd k3s-mirror && sha256sum --check --ignore-missing SHA256SUMS)',
            `./${sums} kit check ${name}`,
          ),
        ]
  return [
    ...(joined.length > 0 ? ['Check the parts, and join them:', code(...joined)] : []),
    ...own,
    'With standard tools only, in an empty directory:',
    code(`tar -xf ${name}`, 'sha256sum --check SHA256SUMS'),
    ...(facts.name.endsWith('.zst') ? ['`tar` needs the program `zstd` for this file.'] : []),
  ].join('\n\n')
}

function serving(facts: ReadmeFacts): string {
  const executable = executableOf(facts)
  const program = executable === undefined ? 'k3s-mirror' : `./${executable}`
  const name = kitWord(facts)
  const serve = (place: string): string => `${program} kit serve ${place} --listen :443 --tls-cert site.pem --tls-key site.key`
  const gather = [
    'This kit lacks what the earlier one has, so it cannot be served without that one. On a machine that all nodes reach, push both to one directory, the earlier one first, and serve that:',
    code(`${program} kit push EARLIER ${name} --to oci:/srv/k3s`, serve('/srv/k3s')),
    'Replace EARLIER by the file name of the earlier kit, or leave it out where the directory has that kit already.',
  ]
  return [
    ...(facts.isDelta ? gather : ['On a machine that all nodes reach, serve the images and the files of this kit:', code(serve(name))]),
    'The page at its address shows the commands for nodes. Or push the images to a registry that the site has, and the files to the directory of a web server:',
    code(`${program} kit push ${facts.isDelta ? 'EARLIER ' : ''}${name} --to registry.example.com/mirror --files /srv/www`),
  ].join('\n\n')
}

function registriesFile({ registries }: ReadmeFacts): string {
  const mirrors = registries.flatMap((registry) => [`  ${registry}:`, '    endpoint:', `      - ${site}`])
  return [
    `On each node, write \`/etc/rancher/k3s/registries.yaml\` before K3s starts. Replace \`${site}\` with the address of the site:`,
    ['```yaml', 'mirrors:', ...mirrors, '```'].join('\n'),
  ].join('\n\n')
}

/** What the command of an agent needs. */
const ofServer =
  'Replace SERVER by the address of the first server, and TOKEN by the content of `/var/lib/rancher/k3s/server/node-token` there:'

function installing(facts: ReadmeFacts): string {
  const { releases, installsFromSite } = facts
  const packages = pathsOf(facts, isPackage)
  const version = releases.at(-1) ?? ''
  const install = (variables: string, words = ''): string =>
    `curl -sfL ${site}/install.sh | INSTALL_K3S_ARTIFACT_URL=${site}/k3s INSTALL_K3S_VERSION=${version} INSTALL_K3S_SKIP_SELINUX_RPM=true${variables} sh -${words}`
  const from = [
    'The first server:',
    code(install('')),
    `An agent. ${ofServer}`,
    code(install(' K3S_URL=https://SERVER:6443 K3S_TOKEN=TOKEN')),
  ]
  return [
    ...(packages.length > 0
      ? [
          'On a node with SELinux, install the policy for its system first. It requires the package container-selinux:',
          ...packages.map((path) => code(`sudo ${packageCommand(path)}`)),
        ]
      : []),
    ...(installsFromSite ? from : ['The installer in this kit cannot download K3s from a site. Install by hand, as below.']),
  ].join('\n\n')
}

/** The commands for a node of one architecture, run in the directory of the unpacked kit. */
function byHandOn(architecture: Architecture, facts: ReadmeFacts): readonly string[] {
  const tag = facts.releases.at(-1) ?? ''
  const archives = pathsOf(facts, (path) => path.startsWith(`k3s/${tag}/k3s-airgap-images-${architecture}.`))
  const images = '/var/lib/rancher/k3s/agent/images'
  return [
    `On an ${architecture} node${archives.length > 0 ? ', with the images for a node without a registry' : ''}:`,
    code(
      `sudo install -m 755 k3s/${tag}/${binaryNames[architecture]} /usr/local/bin/k3s`,
      ...archives.map((path) => `sudo install -D -m 644 -t ${images} ${path}`),
    ),
  ]
}

function byHand(facts: ReadmeFacts): string {
  return [
    `Unpack ${facts.isDelta ? 'the earlier kit and then this one in one directory' : 'the kit'} on the node, and install the binary for its architecture.`,
    ...facts.architectures.flatMap((one) => byHandOn(one, facts)),
    'Then run the installer without a download. The first server:',
    code('sudo INSTALL_K3S_SKIP_DOWNLOAD=true sh ./install.sh'),
    `An agent. ${ofServer}`,
    code('sudo INSTALL_K3S_SKIP_DOWNLOAD=true K3S_URL=https://SERVER:6443 K3S_TOKEN=TOKEN sh ./install.sh'),
  ].join('\n\n')
}

function upgrading(facts: ReadmeFacts): string {
  return [
    'On the connected side, create a kit of the next release that leaves out what this one has:',
    code(`k3s-mirror kit create next.kit.tar.zst --release stable --arch ${facts.architectures.join(',')} --since ${kitWord(facts)}`),
    'Push both kits to one directory, serve that, and run the command of each node again with the new version.',
  ].join('\n\n')
}

/** The README.md of a kit, for the person behind the air gap; it names only what the kit has. The same facts give the same text. */
export function formatReadme(facts: ReadmeFacts): string {
  const sections: readonly (readonly [title: string, text: string])[] = [
    [`K3s ${facts.releases.join(', ')} without a network`, contents(facts)],
    ['Check the kit', checking(facts)],
    ['Serve it', serving(facts)],
    ['Point nodes to the site', registriesFile(facts)],
    ['Install K3s on nodes', installing(facts)],
    ['Install K3s by hand', byHand(facts)],
    ['Upgrade later', upgrading(facts)],
  ]
  return sections.map(([title, text], at) => `${at === 0 ? '#' : '##'} ${title}\n\n${text}\n`).join('\n')
}
