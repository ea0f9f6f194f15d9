import { safeLine } from '../../text/printable.ts'

/** What the command line calls each option of the library that a text of the library may name. */
export const flagsByOption: Readonly<Record<string, string>> = {
  artifactUrl: '--artifact-url',
  asNode: '--as-node',
  blobJobs: '--blob-jobs',
  caFile: '--ca-file',
  certFile: '--cert-file',
  channelUrl: '--channel-url',
  dockerHost: '--docker-host',
  exclude: '--exclude',
  flatten: '--flatten',
  foreignLayers: '--foreign-layers',
  from: '--from',
  images: '--images',
  include: '--include',
  keyFile: '--key-file',
  listSha256: '--list-sha256',
  lock: '--lock',
  name: '--name',
  platforms: '--platform',
  registries: '--registries',
  releases: '--release',
  rewrite: '--rewrite',
  since: '--since',
  sparse: '--sparse',
  storageHosts: '--storage-host',
  timeout: '--timeout',
  to: '--to',
  tokenHosts: '--token-host',
  version: '--k3s-version',
  via: '--via',
  wildcard: '--wildcard',
}

/** An option as texts of the library name it; not within a path, a URL or a reference. */
const named = /(?<![\w./@:-])options\.(\w+)(?![\w/@-]|[.:]\w)/g

/** A text of the library with the flag for each `options.<name>`. */
export function withFlags(text: string): string {
  return text.replace(named, (whole, name: string) => (Object.hasOwn(flagsByOption, name) ? (flagsByOption[name] ?? whole) : whole))
}

/** A text of the library, fit to be shown to who uses the command line. */
export function textLine(text: string): string {
  return safeLine(withFlags(text))
}
