import { safeLine } from '../../text/printable.ts'

/** The flag for each library option that a text of the library may name. */
export const flagsByOption: Readonly<Record<string, string>> = {
  artifactUrl: '--artifact-url',
  asNode: '--as-node',
  blobJobs: '--blob-jobs',
  caFile: '--ca-file',
  certFile: '--cert-file',
  channelUrl: '--channel-url',
  disableDefaultEndpoint: '--disable-default-registry-endpoint',
  dockerHost: '--docker-host',
  embeddedRegistry: '--embedded-registry',
  exclude: '--exclude',
  flatten: '--flatten',
  foreignLayers: '--foreign-layers',
  from: '--from',
  ifChanged: '--if-changed',
  images: '--images',
  include: '--include',
  k3sVersion: '--k3s-version',
  keep: '--keep',
  keyFile: '--key-file',
  listSha256: '--list-sha256',
  lock: '--lock',
  name: '--name',
  password: '--password-stdin',
  platforms: '--platform',
  registries: '--registries',
  releases: '--release',
  rewrite: '--rewrite',
  since: '--since',
  sparse: '--sparse',
  storageHosts: '--storage-host',
  timeout: '--timeout',
  tls: '--tls-cert',
  to: '--to',
  tokenHosts: '--token-host',
  username: '--username',
  version: '--k3s-version',
  via: '--via',
  wildcard: '--wildcard',
  writable: '--writable',
}

/** Flags that a variable of the environment has set, by flag. */
const variables = new Map<string, string>()

/** Makes texts name the variable that set an option, in place of its flag. */
export function nameByVariable(flag: string, variable: string): void {
  variables.set(flag, variable)
}

/** An option as texts of the library name it; not within quotes, which hold a given value, nor within a path, a URL or a reference. */
const named = /"[^"]*"|(?<![\w./@:-])options\.(\w+)(?![\w/@-]|[.:]\w)/g

/** A text of the library with the flag for each `options.<name>`. */
export function withFlags(text: string): string {
  return text.replace(named, (whole, name: string | undefined) => {
    const flag = name !== undefined && Object.hasOwn(flagsByOption, name) ? flagsByOption[name] : undefined
    return flag === undefined ? whole : (variables.get(flag) ?? flag)
  })
}

/** A text of the library with flags, safe to print on one line. */
export function textLine(text: string): string {
  return safeLine(withFlags(text))
}
