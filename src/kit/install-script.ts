import { MirrorError } from '../errors.ts'
import type { HttpClient } from '../http/http-client.ts'
import { fetchFile, isAbsent, unexpectedStatus, type ListFetchOptions } from '../release/fetch-file.ts'
import { parseChecksumFile } from '../release/fetch-release-list.ts'
import { defaultArtifactUrl, releaseFileUrl } from '../release/release-files.ts'
import { redactUrl } from '../text/redact.ts'
import { checkedFile, type Gathered } from './gathered-file.ts'
import { fetchWhole, readNamedFile } from './named-source.ts'

/** Where K3s' installer is read. */
export interface ScriptOptions extends ListFetchOptions {
  /** A path or URL; default: the one of the newest release, from K3s' repository. */
  readonly installScript?: string | undefined
  /** Where files of K3s' repository are, `<url>/<tag>/<file>`; default GitHub, or `artifactUrl` where one is given. */
  readonly repositoryUrl?: string | undefined
}

/** Where GitHub has the files of K3s' repository at a tag. */
const defaultRepositoryUrl = 'https://raw.githubusercontent.com/k3s-io/k3s'

/** The name of the installer in K3s' repository and in a kit. */
export const scriptFile = 'install.sh'

/** True for an installer that downloads K3s from another server; those before December 2025 do not. https://github.com/k3s-io/k3s/blob/main/install.sh */
export function knowsArtifactUrl(script: Uint8Array): boolean {
  return Buffer.from(script).includes('INSTALL_K3S_ARTIFACT_URL')
}

function refuseOther(name: string, bytes: Uint8Array): void {
  if (Buffer.from(bytes).subarray(0, 2).toString('latin1') === '#!') return
  throw new MirrorError('USAGE', `${name} is not a shell script`, { hint: 'pass the K3s installer with options.installScript' })
}

/** The installer, confirmed by the checksum file next to it in the repository. Throws USAGE, RELEASE_NOT_FOUND, CHECKSUM_MISMATCH, and as the network does. */
export async function gatherScript(client: HttpClient, tag: string, options: ScriptOptions): Promise<Gathered> {
  const { installScript, artifactUrl, repositoryUrl, retry, signal } = options
  if (installScript !== undefined) {
    const { name, bytes } = await readNamedFile(client, installScript, 'options.installScript', options)
    refuseOther(name, bytes)
    return withWarning(name, bytes, checkedFile(scriptFile, bytes, { coverage: 'none', name }))
  }
  const isMirror = artifactUrl !== undefined && artifactUrl !== defaultArtifactUrl
  const base = repositoryUrl ?? (isMirror ? artifactUrl : defaultRepositoryUrl)
  const url = releaseFileUrl(base, tag, scriptFile)
  const sumUrl = releaseFileUrl(base, tag, `${scriptFile}.sha256sum`)
  const [bytes, sum] = await Promise.all([
    fetchWhole(client, url, options, 'pass the installer with options.installScript: https://get.k3s.io or a file'),
    fetchFile(client, sumUrl, { retry, signal }),
  ])
  const name = redactUrl(url)
  refuseOther(name, bytes)
  if (sum.status !== 200 && !isAbsent(sum.status)) throw unexpectedStatus(sumUrl, sum.status)
  const sums = sum.status === 200 ? parseChecksumFile(Buffer.from(sum.body).toString('utf8'), redactUrl(sumUrl)) : undefined
  return withWarning(name, bytes, checkedFile(scriptFile, bytes, { sha256: sums?.get(scriptFile), coverage: 'checksum-file', name }))
}

function withWarning(name: string, bytes: Uint8Array, { files, warnings }: Gathered): Gathered {
  if (knowsArtifactUrl(bytes)) return { files, warnings }
  const old = `${name} does not support INSTALL_K3S_ARTIFACT_URL: nodes cannot install from kit serve with it; pass options.installScript https://get.k3s.io`
  return { files, warnings: [...warnings, old] }
}
