import { basename } from 'node:path'
import { isKitPath } from '../bundle/kit-path.ts'
import { MirrorError } from '../errors.ts'
import type { HttpClient } from '../http/http-client.ts'
import { lastSegment } from '../release/channel.ts'
import type { ListFetchOptions } from '../release/fetch-file.ts'
import { isUrl } from '../release/read-list-source.ts'
import { fetchReleaseAssets, type ReleaseAssets } from '../release/release-api.ts'
import { channelUrlOf, defaultArtifactUrl, parseUrl } from '../release/release-files.ts'
import { foreignText } from '../text/printable.ts'
import { checkedFile, type Gathered } from './gathered-file.ts'
import { fetchWhole, readNamedFile } from './named-source.ts'

/** Which packages of k3s-selinux, and where they are. */
export interface SelinuxOptions extends ListFetchOptions {
  /** Systems as in the names of the packages (`el8`, `el9`, `sle`, `coreos`), paths, or URLs. */
  readonly selinux?: readonly string[] | undefined
  /** Where `<url>/latest` names the packages of k3s-selinux; default GitHub's API. */
  readonly selinuxApiUrl?: string | undefined
}

/** Where GitHub names the packages of k3s-selinux; K3s' installer reads the same. */
const defaultSelinuxApiUrl = 'https://api.github.com/repos/k3s-io/k3s-selinux/releases'

/** What every RPM begins with: https://rpm-software-management.github.io/rpm/manual/format_v4.html */
const magic = Buffer.from([0xed, 0xab, 0xee, 0xdb])

function packageFile(path: string, bytes: Uint8Array, name: string, sha256?: string): Gathered {
  if (!magic.equals(Buffer.from(bytes).subarray(0, magic.length))) throw new MirrorError('USAGE', `${name} is not an RPM`, { hint: wanted })
  if (!path.endsWith('.rpm') || !isKitPath(path)) throw new MirrorError('USAGE', `${name} is not the name of an RPM`, { hint: wanted })
  return checkedFile(path, bytes, { sha256, coverage: 'release-api', name })
}

const wanted = 'pass a system such as el9, or the RPM of k3s-selinux as a file or URL with options.selinux'

/** The packages of k3s-selinux, confirmed by the digests of GitHub's API. Throws USAGE, RELEASE_NOT_FOUND, CHECKSUM_MISMATCH, and as the network does. */
export async function gatherSelinux(client: HttpClient, options: SelinuxOptions): Promise<Gathered> {
  const { selinux = [], artifactUrl, selinuxApiUrl } = options
  const systems = selinux.filter((given) => /^[a-z0-9]+$/.test(given))
  if (systems.length > 0 && selinuxApiUrl === undefined && artifactUrl !== undefined && artifactUrl !== defaultArtifactUrl) {
    throw new MirrorError('USAGE', 'options.artifactUrl has no packages of k3s-selinux', {
      hint: 'pass the RPM as a file or URL with options.selinux',
    })
  }
  const url = channelUrlOf(selinuxApiUrl ?? defaultSelinuxApiUrl, 'latest')
  const release = systems.length === 0 ? undefined : await fetchReleaseAssets(client, url, options)
  const gathered = await Promise.all(
    [...new Set(selinux)].map(async (given) => {
      if (release !== undefined && systems.includes(given)) return gatherFor(client, given, release, options)
      const { name, bytes } = await readNamedFile(client, given, 'options.selinux', options)
      const file = isUrl(given) ? lastSegment(new URL(given)) : basename(given)
      return packageFile(`k3s-selinux/${file}`, bytes, name)
    }),
  )
  return { files: gathered.flatMap(({ files }) => files), warnings: gathered.flatMap(({ warnings }) => warnings) }
}

/** The package for a system among those of the newest release: `k3s-selinux-1.6-1.el9.noarch.rpm`. */
async function gatherFor(
  client: HttpClient,
  system: string,
  { assets, unknown }: ReleaseAssets,
  options: SelinuxOptions,
): Promise<Gathered> {
  if (unknown !== undefined) {
    throw new MirrorError('UNAVAILABLE', `cannot find the k3s-selinux RPM: ${unknown}`, {
      hint: 'try again later, or pass the RPM as a file or URL with options.selinux',
    })
  }
  const name = [...assets.keys()].find((one) => one.endsWith(`.${system}.noarch.rpm`))
  const asset = name === undefined ? undefined : assets.get(name)
  if (name === undefined || asset?.url === undefined) {
    const known = [...assets.keys()].flatMap((one) => /\.([a-z0-9]+)\.noarch\.rpm$/.exec(one)?.[1] ?? [])
    throw new MirrorError('USAGE', `k3s-selinux has no RPM for "${system}"`, {
      hint: known.length === 0 ? 'pass the RPM as a file or URL with options.selinux' : `pass one of ${foreignText(known.join(', '))}`,
    })
  }
  const bytes = await fetchWhole(client, parseUrl(asset.url, 'the URL of the k3s-selinux RPM'), options)
  return packageFile(`k3s-selinux/${name}`, bytes, name, asset.sha256)
}
