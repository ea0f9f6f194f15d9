import { basename } from 'node:path'
import { userAgent } from '../connect/clients.ts'
import { MirrorError } from '../errors.ts'
import { parseArchitectures, nodePlatforms } from '../kit/architectures.ts'
import { gatherKit } from '../kit/gather-kit.ts'
import { checkOptions } from './check-options.ts'
import { writeBundle, type CreateBundleOptions } from './create-bundle.ts'
import { startRun, type MirrorRun } from './start-run.ts'

/** Options of `createKit`: those of a bundle, and which files go into it. At least one selected list is of a K3s release. */
export interface CreateKitOptions extends Omit<CreateBundleOptions, 'forImagesDir'> {
  /** Architectures of the nodes in the words of K3s: `amd64`, `arm64`, `arm`, `s390x`; default `amd64`. They decide the files, and the platforms of the images where `platforms` is not given. */
  readonly architectures?: readonly string[] | undefined
  /** Add K3s' archives of images for the images directory, `k3s-airgap-images-<arch>.tar.zst`. */
  readonly airgapTarballs?: boolean | undefined
  /** Add packages of k3s-selinux: systems as in their names (`el8`, `el9`, `sle`, `coreos`), paths, or URLs. */
  readonly selinux?: readonly string[] | undefined
  /** Add this program: a directory with `k3s-mirror-linux-<arch>` and SHA256SUMS, or one executable. */
  readonly executables?: string | undefined
  /** The installer of K3s, by path or URL; default: the one of the newest release, from K3s' repository or from `artifactUrl`. */
  readonly installScript?: string | undefined
  /** Where files of K3s' repository are, `<url>/<tag>/install.sh`; default GitHub, or `artifactUrl` where one is given. */
  readonly repositoryUrl?: string | undefined
  /** Where `<url>/latest` names the packages of k3s-selinux; default GitHub's API. */
  readonly selinuxApiUrl?: string | undefined
}

/** Makes a kit: a bundle that has K3s, its installer and what belongs to them too; the file is there when everything is in it, and what has come is kept for the next run. */
export function createKit(options: CreateKitOptions): MirrorRun {
  checkOptions(options, ['file'])
  const { file, architectures: given = ['amd64'], splitSize } = options
  const architectures = parseArchitectures(given)
  if (architectures.length === 0) {
    throw new MirrorError('USAGE', 'options.architectures is empty', { hint: 'pass options.architectures amd64, or remove it' })
  }
  const { artifactUrl, ...rest } = options
  const platforms = options.platforms ?? architectures.map((architecture) => nodePlatforms[architecture])
  return startRun('kit create', options.signal, (run) => {
    const selected = { ...rest, artifactUrl: artifactUrl || undefined, architectures }
    return writeBundle({ ...options, platforms, signal: run.signal }, run, (client, facts, { signal }) =>
      gatherKit(client, { ...selected, signal }, { ...facts, name: basename(file), isSplit: splitSize !== undefined, tool: userAgent }),
    )
  })
}
