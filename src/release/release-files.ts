import { MirrorError } from '../errors.ts'

/** Where K3s publishes the files of its releases. */
export const defaultArtifactUrl = 'https://github.com/k3s-io/k3s/releases/download'

/** Where K3s publishes what its channels point to. */
export const defaultChannelUrl = 'https://update.k3s.io/v1-release/channels'

/** Where GitHub answers with a release's assets and their digests: https://docs.github.com/en/rest/releases/releases#get-a-release-by-tag-name */
const defaultReleaseApiUrl = 'https://api.github.com/repos/k3s-io/k3s/releases'

/** The release file that names the images. */
export const imageListFile = 'k3s-images.txt'

/** The release file with checksums; until mid-2025 it covered the image list too. */
export const checksumFile = 'sha256sum-amd64.txt'

/** Reads an http or https URL that was given as an option; throws USAGE, and never repeats a password. */
export function parseUrl(text: string, what: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url !== undefined && url.username + url.password !== '') {
    throw new MirrorError('USAGE', `${what} contains a user name or password`, { hint: 'remove the credentials from the URL' })
  }
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url
  throw new MirrorError('USAGE', `${what} ${JSON.stringify(text.slice(0, 200))} is not an http or https URL`)
}

/** Appends path segments to a base URL, as text: `new URL` would resolve them instead. */
function under(base: string, what: string, segments: readonly string[]): URL {
  const url = parseUrl(base, what)
  if (url.search !== '' || url.hash !== '') throw new MirrorError('USAGE', `${what} must not have a query or a fragment`)
  return new URL([`${url.origin}${url.pathname}`.replace(/(?<!\/)\/+$/, ''), ...segments.map(encodeURIComponent)].join('/'))
}

/** The URL of a release file, `<artifact URL>/<tag>/<file>`, with `+` as `%2B` as K3s' installer writes it. */
export function releaseFileUrl(artifactUrl: string, tag: string, file: string): URL {
  return under(artifactUrl, 'the artifact URL', [tag, file])
}

/** The URL of a channel, or without a name of all channels. */
export function channelUrlOf(channelUrl: string, ...name: readonly string[]): URL {
  return under(channelUrl, 'the channel URL', name)
}

/** The URL of the API that knows a release's asset digests; undefined where the files do not come from GitHub and no API was named. */
export function releaseApiUrlOf(artifactUrl: string, tag: string, releaseApiUrl?: string): URL | undefined {
  const isGitHub = artifactUrl.replace(/(?<!\/)\/+$/, '') === defaultArtifactUrl
  const base = releaseApiUrl ?? (isGitHub ? defaultReleaseApiUrl : undefined)
  return base === undefined ? undefined : under(base, 'the release API URL', ['tags', tag])
}
