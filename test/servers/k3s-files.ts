import { createHash } from 'node:crypto'

/** The binary of each architecture among the files of a release. */
const binaries: Readonly<Record<string, string>> = { amd64: 'k3s', arm64: 'k3s-arm64', arm: 'k3s-armhf' }

/** Lower-case hex. */
function hexOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** A program that says which release it is, in place of K3s' binary; with so many bytes. */
function makeBinary(tag: string, architecture: string, size: number): Buffer {
  const script = `#!/bin/sh\n# ${architecture}\necho "k3s version ${tag} (00000000)"\nexit\n`
  const filler = createHash('shake256', { outputLength: Math.max(size - script.length, 1) }).update(`${tag} ${architecture}`)
  return Buffer.concat([Buffer.from(script), filler.digest()])
}

/** K3s' own files of a release by name: a binary, and the checksum files of all files that are given. */
export function makeK3sFiles(
  tag: string,
  {
    architectures = ['amd64', 'arm64', 'arm'],
    size = 4096,
    more = {},
  }: { readonly architectures?: readonly string[]; readonly size?: number; readonly more?: Readonly<Record<string, Uint8Array>> } = {},
): Record<string, Uint8Array> {
  const files: Record<string, Uint8Array> = { ...more }
  for (const architecture of architectures) {
    const name = binaries[architecture] ?? `k3s-${architecture}`
    files[name] = makeBinary(tag, architecture, size)
    const archives = Object.entries(more).filter(([one]) => one.startsWith(`k3s-airgap-images-${architecture}.`))
    // Since mid-2025 the checksum file of a release does not name the image list.
    const lines = [...archives, [name, files[name]] as const].map(([one, bytes]) => `${hexOf(bytes)}  ${one}\n`)
    files[`sha256sum-${architecture}.txt`] = Buffer.from(lines.join(''))
  }
  return files
}

/** What GitHub's API answers about a release with these files. */
export function releaseDocument(tag: string, files: Readonly<Record<string, Uint8Array>>, downloads = ''): string {
  const assets = Object.entries(files).map(([name, bytes]) => {
    return {
      name,
      size: bytes.length,
      digest: `sha256:${hexOf(bytes)}`,
      browser_download_url: `${downloads}/${encodeURIComponent(tag)}/${name}`,
    }
  })
  return JSON.stringify({ tag_name: tag, assets })
}

/** The line of `sha256sum` for a file. */
export function checksumLine(name: string, bytes: Uint8Array): string {
  return `${hexOf(bytes)}  ${name}\n`
}

/** Begins as an RPM does, and has nothing to install. */
export function makePackage(name: string): Buffer {
  return Buffer.concat([Buffer.from([0xed, 0xab, 0xee, 0xdb]), Buffer.from(`${name}\n`)])
}

/** In place of K3s' installer, with the same variables and URLs and much less to do: it downloads the binary, compares its checksum and installs it. */
export const demoInstaller: string = `#!/bin/sh
set -eu
url=\${INSTALL_K3S_ARTIFACT_URL:-https://github.com/k3s-io/k3s/releases/download}
directory=\${INSTALL_K3S_BIN_DIR:-/usr/local/bin}
case $(uname -m) in
  x86_64) architecture=amd64 binary=k3s ;;
  aarch64) architecture=arm64 binary=k3s-arm64 ;;
  *) architecture=arm binary=k3s-armhf ;;
esac
if [ "\${INSTALL_K3S_SKIP_DOWNLOAD:-false}" != true ]; then
  place=$url/$(printf %s "$INSTALL_K3S_VERSION" | sed 's/+/%2B/')
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  curl -sfL -o "$work/sums" "$place/sha256sum-$architecture.txt"
  curl -sfL -o "$work/$binary" "$place/$binary"
  (cd "$work" && grep " $binary\\$" sums | sha256sum -c)
  install -m 755 "$work/$binary" "$directory/k3s"
fi
"$directory/k3s" --version
`
