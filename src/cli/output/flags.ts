import { safeLine } from '../../text/printable.ts'

/** The flag for each library option that a text of the library may name. */
export const flagsByOption: Readonly<Record<string, string>> = {
  architectures: '--arch',
  artifactUrl: '--artifact-url',
  asNode: '--as-node',
  blobJobs: '--blob-jobs',
  caFile: '--ca-file',
  certFile: '--cert-file',
  channelUrl: '--channel-url',
  dataDir: '--data-dir',
  disableDefaultEndpoint: '--disable-default-registry-endpoint',
  dockerHost: '--docker-host',
  embeddedAddress: '--https-listen-port',
  embeddedRegistry: '--embedded-registry',
  exclude: '--exclude',
  executables: '--executables',
  filesTo: '--files',
  flatten: '--flatten',
  foreignLayers: '--foreign-layers',
  forImagesDir: '--for-images-dir',
  from: '--from',
  ifChanged: '--if-changed',
  ignoreMissing: '--ignore-missing',
  images: '--images',
  include: '--include',
  installScript: '--install-script',
  k3sVersion: '--k3s-version',
  keep: '--keep',
  keyFile: '--key-file',
  listSha256: '--list-sha256',
  lock: '--lock',
  manifests: '--manifest',
  locked: '--locked',
  name: '--name',
  namesOnly: '--names-only',
  password: '--password-stdin',
  pauseImage: '--pause-image',
  platforms: '--platform',
  product: '--rke2',
  registries: '--registries',
  releases: '--release',
  repositories: '--repositories',
  rewrite: '--rewrite',
  root: '--root',
  selinux: '--selinux',
  shard: '--shard',
  since: '--since',
  splitSize: '--split-size',
  sparse: '--sparse',
  storageHosts: '--storage-host',
  systemDefaultRegistry: '--system-default-registry',
  timeout: '--timeout',
  tls: '--tls-cert',
  to: '--to',
  tokenHosts: '--token-host',
  username: '--username',
  version: '--k3s-version',
  via: '--via',
  wildcard: '--wildcard',
  withUpgradeImages: '--with-upgrade-images',
  writable: '--writable',
}

/** Other names of flags: the variable of the environment that has set one, or the flag of a command that reads several options from one. */
const otherNames = new Map<string, string>()

/** Makes texts use another name in place of a flag. */
export function nameFlag(flag: string, name: string): void {
  otherNames.set(flag, name)
}

/** An option as texts of the library name it; not within quotes, which hold a given value, nor within a path, a URL or a reference. */
const named = /"[^"]*"|(?<![\w./@:-])options\.(\w+)(?![\w/@-]|[.:]\w)/g

/** A text of the library with the flag for each `options.<name>`. */
export function withFlags(text: string): string {
  return text.replace(named, (whole, name: string | undefined) => {
    const flag = name !== undefined && Object.hasOwn(flagsByOption, name) ? flagsByOption[name] : undefined
    return flag === undefined ? whole : (otherNames.get(flag) ?? flag)
  })
}

/** A text of the library with flags, safe to print on one line. */
export function textLine(text: string): string {
  return safeLine(withFlags(text))
}
