import { tinyIndex, type TinyImage } from '../layout/tiny-image.ts'
import { memoryRegistry, type Intercept, type MemoryRegistry } from '../servers/memory-registry.ts'
import { runCli, type CliOptions, type CliResult } from '../servers/run-cli.ts'
import type { ServerTls } from '../servers/scripted-server.ts'

/** How the two registries answer where a test wants something of its own. */
export interface OneImageOptions {
  readonly image?: TinyImage
  readonly source?: Intercept
  readonly destination?: Intercept
  /** Of both registries. */
  readonly tls?: ServerTls
}

/** A registry that holds `docker.io/acme/app:1`, and one to mirror it to. */
export interface OneImage extends AsyncDisposable {
  readonly image: TinyImage
  readonly source: MemoryRegistry
  readonly destination: MemoryRegistry
  /** True where the destination has every byte of the image, under its tag. */
  isMirrored(): boolean
  /** Runs `mirror` of the image, or another command with `from` and `to`. */
  run(more?: readonly string[], options?: CliOptions & { readonly command?: string }): Promise<CliResult>
}

/** Starts both registries. */
export async function oneImage(options: OneImageOptions = {}): Promise<OneImage> {
  const { image = tinyIndex(), tls } = options
  const source = await memoryRegistry(options.source, { ...(tls && { tls }) })
  const destination = await memoryRegistry(options.destination, { ...(tls && { tls }) })
  source.hold('acme/app', '1', image)
  const isHeld = (held: Uint8Array | undefined, bytes: Uint8Array): boolean => held !== undefined && Buffer.from(bytes).equals(held)
  return {
    image,
    source,
    destination,
    isMirrored: () =>
      image.blobs.every(({ bytes, descriptor }) => isHeld(destination.blobs.get(`acme/app@${descriptor.digest}`), bytes)) &&
      isHeld(destination.manifests.get('acme/app:1')?.bytes, image.root.bytes),
    run: (more = [], { command = 'mirror', ...run } = {}) =>
      runCli(
        [
          command,
          'docker.io/acme/app:1',
          '--from',
          `docker.io=${source.url}`,
          ...(more.includes('--to') ? [] : ['--to', destination.url]),
          ...more,
        ],
        run,
      ),
    async [Symbol.asyncDispose]() {
      await Promise.all([source[Symbol.asyncDispose](), destination[Symbol.asyncDispose]()])
    },
  }
}

/** Asks for Basic credentials, of all requests or of those that `asks` picks. */
export function basicGate(credentials: string, asks: (path: string) => boolean = () => true): Intercept {
  const expected = `Basic ${Buffer.from(credentials).toString('base64')}`
  return ({ path, headers }, response) => {
    if (!asks(path) || headers.authorization === expected) return false
    response.writeHead(401, { 'www-authenticate': 'Basic realm="registry"' }).end()
    return true
  }
}
