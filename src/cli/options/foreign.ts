/** What to use in place of an option of skopeo, crane, oras, regctl, hauler, docker or oc; `needs` is an option of ours that the hint names. */
interface ForeignOption {
  readonly flags: readonly string[]
  readonly needs?: string
  readonly hint: string
}

const foreign: readonly ForeignOption[] = [
  {
    flags: ['--password', '-p'],
    hint: 'pipe the password to --password-stdin, or set K3S_MIRROR_NODE_PASSWORD',
    needs: '--password-stdin',
  },
  {
    flags: ['--username', '--user', '--password', '--creds', '--authfile', '--registry-config', '--registry-token', '--identity-token'],
    hint: 'log in with docker login or skopeo login, or set K3S_MIRROR_USERNAME and K3S_MIRROR_PASSWORD for the destination',
  },
  {
    flags: ['--src-creds', '--src-username', '--src-password', '--src-authfile', '--from-username', '--from-password'],
    hint: 'log in to the source with docker login or skopeo login, or pass --registries <file>',
    needs: '--registries',
  },
  {
    flags: ['--dest-creds', '--dest-username', '--dest-password', '--dest-authfile', '--to-username', '--to-password'],
    hint: 'log in to the destination with docker login, or set K3S_MIRROR_USERNAME and K3S_MIRROR_PASSWORD',
  },
  {
    flags: [
      '--insecure',
      '--tls-verify',
      '--src-tls-verify',
      '--dest-tls-verify',
      '--tls',
      '--skip-tls-verify',
      '--insecure-skip-tls-verify',
    ],
    hint: 'write http://<host> for plain HTTP, or set configs.<host>.tls in --registries <file> for another certificate',
    needs: '--registries',
  },
  {
    flags: ['--plain-http', '--from-plain-http', '--to-plain-http', '--allow-insecure'],
    hint: 'write http://<host> in --to or --from for plain HTTP',
    needs: '--to',
  },
  {
    flags: [
      '--cert-dir',
      '--src-cert-dir',
      '--dest-cert-dir',
      '--certs-dir',
      '--cacert',
      '--ca-file',
      '--cert-file',
      '--key-file',
      '--cert',
      '--key',
    ],
    hint: 'set configs.<host>.tls in --registries <file>, or SSL_CERT_FILE for a private CA',
    needs: '--registries',
  },
  {
    flags: ['--all', '-a', '--multi-arch', '--all-platforms', '--keep-manifest-list', '--preserve-digests'],
    hint: 'remove it: every platform is copied with its digest by default',
    needs: '--platform',
  },
  {
    flags: ['--arch', '--os', '--variant', '--override-arch', '--override-os', '--override-variant', '--platforms', '--filter-by-os'],
    hint: 'pass --platform <os/arch>, as in --platform linux/arm64',
    needs: '--platform',
  },
  {
    flags: ['--concurrency', '-j', '--parallel', '--parallel-images', '--workers', '--max-per-registry', '--proc'],
    hint: 'pass --jobs <n> for images, or --blob-jobs <n> for blobs',
    needs: '--jobs',
  },
  { flags: ['--retry-times', '--retry', '--max-retries'], hint: 'pass --retries <n>', needs: '--retries' },
  { flags: ['--command-timeout', '--image-timeout', '--retry-delay'], hint: 'pass --timeout <seconds>', needs: '--timeout' },
  { flags: ['--format', '-f', '--json', '--template'], hint: 'pass --output json', needs: '--output' },
  { flags: ['--src', '--source', '--src-registry', '--source-registry'], hint: 'pass --from <registry=endpoint>', needs: '--from' },
  {
    flags: ['--dest', '--destination', '--dst', '--target', '--registry', '--to-registry', '--dest-registry', '-d'],
    hint: 'pass --to <destination>',
    needs: '--to',
  },
  {
    flags: ['--image', '-i', '--image-list', '--image-txt', '--list', '--file', '--filename', '--input'],
    hint: 'pass --images <file> for a list, or image references as arguments',
    needs: '--images',
  },
  {
    flags: ['--version', '--tag', '--channel', '--k3s-version', '-t'],
    hint: 'pass --release <tag|channel>, as in --release v1.37.1+k3s1',
    needs: '--release',
  },
  { flags: ['--debug', '-D', '--log-level', '--loglevel'], hint: 'pass --verbose', needs: '--verbose' },
  { flags: ['--silent', '-s'], hint: 'pass --quiet', needs: '--quiet' },
  { flags: ['--no-color', '--color'], hint: 'set NO_COLOR=1 or FORCE_COLOR=1' },
  { flags: ['--config'], hint: 'set DOCKER_CONFIG=<directory> for the credentials of Docker' },
  { flags: ['--host', '-H', '--context'], hint: 'pass --docker-host <address>', needs: '--docker-host' },
  { flags: ['--port', '-p', '--address', '--addr'], hint: 'pass --listen <host:port>', needs: '--listen' },
  { flags: ['--src-.*'], hint: 'pass --from <registry=endpoint> and --registries <file> for the source', needs: '--from' },
  { flags: ['--dest-.*'], hint: 'pass --to <destination> and --registries <file> for the destination', needs: '--to' },
]

/** The hint for an option of another tool, where ours is one of `known`; undefined for any other option. */
export function foreignOption(flag: string, known: ReadonlySet<string | undefined>): string | undefined {
  return foreign.find(
    ({ flags, needs }) =>
      (needs === undefined || known.has(needs)) &&
      flags.some((one) => (one.endsWith('.*') ? flag.startsWith(one.slice(0, -2)) : one === flag)),
  )?.hint
}

/** What to run in place of a command of another tool. */
export const foreignCommands: Readonly<Record<string, string>> = {
  check: 'verify',
  copy: 'mirror',
  cp: 'mirror',
  diff: 'plan',
  export: 'bundle create',
  import: 'bundle push',
  inspect: 'bundle info',
  list: 'images',
  ls: 'images',
  pull: 'bundle create',
  save: 'bundle create',
  sync: 'mirror',
  validate: 'verify',
}
