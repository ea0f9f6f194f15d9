import { execFile } from 'node:child_process'
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { openLayout } from '../../src/layout/open-layout.ts'
import { createRegistryServer } from '../../src/registry-server/registry-server.ts'
import { certificateAuthority } from '../../test/servers/certificates.ts'
import { checksumLine, demoInstaller, makeK3sFiles, makePackage, releaseDocument } from '../../test/servers/k3s-files.ts'
import { shapesFor } from '../../test/servers/release-shapes.ts'
import { makeRelease, pushRelease, type SeededRelease } from '../../test/servers/seed-release.ts'

/** The releases of the made-up internet; the last one is `stable`. */
export const releases = ['v1.36.3+k3s1', 'v1.37.1+k3s1'] as const

/** Releases that no channel leads to: the last one before K3s' images move to ghcr.io, and the first one after it. */
const comingReleases = ['v1.39.0+k3s1', 'v1.40.0+k3s1'] as const

/** Names of the made-up internet and of the site, with their addresses on loopback. */
export const internet = {
  'registry-1.docker.io': '198.51.100.10',
  'ghcr.io': '198.51.100.11',
  'github.com': '198.51.100.20',
  'api.github.com': '198.51.100.21',
  'raw.githubusercontent.com': '198.51.100.22',
  'update.k3s.io': '198.51.100.30',
} as const
export const site = { 'registry.example.com': '10.20.0.5' } as const

/** Images of a site's own that Docker Hub has too. */
const ownImages = ['docker.io/library/nginx:1.29']

/** Fills a directory with what the machine of every page needs: certificates, Docker Hub's images, K3s' release files. */
export async function makeDemoWorld(directory: string): Promise<{ readonly publicAuthority: string }> {
  const [publicAuthority, siteAuthority] = await Promise.all([
    certificateAuthority('Demo Root CA'),
    certificateAuthority('Example Site CA'),
  ])
  const write = (name: string, content: string | Uint8Array): Promise<void> => writeFile(`${directory}/${name}`, content)
  for (const name of Object.keys(internet)) {
    const { certificate, key } = await publicAuthority.server({ names: [name] })
    await Promise.all([write(`${name}.pem`, certificate), write(`${name}.key`, key)])
  }
  for (const [name, authority] of [
    ['public', publicAuthority],
    ['private', siteAuthority],
  ] as const) {
    const { certificate, key } = await authority.server({ names: Object.keys(site) })
    await Promise.all([write(`site-${name}.pem`, certificate), write(`site-${name}.key`, key)])
  }
  await write('site-ca.crt', siteAuthority.certificate)
  await mkdir(`${directory}/releases`)
  const known = new Map<string, string>()
  for (const tag of [...releases, ...comingReleases]) await addRelease(directory, tag, known)
  await makeAirgapArchive(directory)
  for (const tag of [...releases, ...comingReleases]) await addK3sFiles(directory, tag)
  await addPackages(directory)
  return { publicAuthority: publicAuthority.certificate }
}

/** Small made-up images under the names of the real list, in the layouts that stand in for Docker Hub and ghcr.io; `known` are there already, with the release that they were made for. */
async function addRelease(directory: string, tag: string, known: Map<string, string>): Promise<void> {
  const list = await readFile(fileURLToPath(new URL(`../../fixtures/release/k3s-images.${tag}.txt`, import.meta.url)), 'utf8')
  const names = [...list.trim().split('\n'), `docker.io/rancher/k3s-upgrade:${tag.replace('+', '-')}`, ...ownImages]
  // Docker Hub has the same bytes under the name from before the move.
  const atHub = names.map((name) => name.replace('ghcr.io/k3s-io/', 'docker.io/rancher/'))
  const added = atHub.filter((name) => !known.has(name))
  for (const name of added) known.set(name, tag)
  await push(`${directory}/docker-hub`, 'docker.io', makeImages(added, tag))
  const moved = names
    .filter((name) => name.startsWith('ghcr.io/'))
    .flatMap((name) => {
      const before = name.replace('ghcr.io/k3s-io/', 'docker.io/rancher/')
      const { images } = makeImages([before], known.get(before) ?? tag)
      return images.map((image) => ({ ...image, repository: image.repository.replace('rancher/', 'k3s-io/') }))
    })
  await push(`${directory}/ghcr`, 'ghcr.io', { images: moved })
  await mkdir(`${directory}/releases/${tag}`)
  await writeFile(`${directory}/releases/${tag}/k3s-images.txt`, list)
}

/** Adds the binaries and checksums of a release to the files that it has, with what GitHub's API answers about all of them, and the installer in K3s' repository. */
async function addK3sFiles(directory: string, tag: string): Promise<void> {
  const place = `${directory}/releases/${tag}`
  const names = await readdir(place)
  const more = Object.fromEntries(await Promise.all(names.map(async (name) => [name, await readFile(`${place}/${name}`)] as const)))
  const files = makeK3sFiles(tag, { more })
  for (const [name, bytes] of Object.entries(files)) await writeFile(`${place}/${name}`, bytes)
  await writeFile(`${place}/release.json`, releaseDocument(tag, files))
  await mkdir(`${directory}/repository/${tag}`, { recursive: true })
  await writeFile(`${directory}/repository/${tag}/install.sh`, demoInstaller)
  await writeFile(`${directory}/repository/${tag}/install.sh.sha256sum`, checksumLine('install.sh', Buffer.from(demoInstaller)))
}

/** Adds a release of k3s-selinux. */
async function addPackages(directory: string): Promise<void> {
  const tag = 'v1.6.stable.1'
  const files = Object.fromEntries(
    ['el8', 'el9', 'sle', 'coreos'].map((system) => {
      const name = `k3s-selinux-1.6-1.${system}.noarch.rpm`
      return [name, makePackage(name)] as const
    }),
  )
  await mkdir(`${directory}/selinux/${tag}`, { recursive: true })
  for (const [name, bytes] of Object.entries(files)) await writeFile(`${directory}/selinux/${tag}/${name}`, bytes)
  const document = releaseDocument(tag, files, 'https://github.com/k3s-io/k3s-selinux/releases/download')
  await writeFile(`${directory}/selinux/release.json`, document)
}

function makeImages(names: readonly string[], salt: string): SeededRelease {
  return makeRelease({ scale: 0.01, images: shapesFor(names), salt })
}

/** Puts images into the layout that stands in for a registry. */
async function push(directory: string, registry: string, release: Pick<SeededRelease, 'images'>): Promise<void> {
  const layout = await openLayout(directory, { durable: false })
  const server = createRegistryServer({ layout, writable: true, registry })
  const { url } = await server.listen('127.0.0.1', 0)
  await pushRelease(url, release)
  await server.close()
  await layout.close()
}

/** The archives that K3s publishes for one architecture each: an OCI layout with the original indexes. */
async function makeAirgapArchive(directory: string): Promise<void> {
  const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
  const tag = releases[releases.length - 1] ?? ''
  const layout = await openLayout(`${directory}/docker-hub`, { durable: false })
  const server = createRegistryServer({ layout, registry: 'docker.io' })
  const { url } = await server.listen('127.0.0.1', 0)
  for (const architecture of ['amd64', 'arm64']) {
    const exported = `${directory}/airgap-${architecture}`
    const selection = ['--images', `${directory}/releases/${tag}/k3s-images.txt`, '--from', `docker.io=${url}`]
    const options = ['--platform', `linux/${architecture}`, '--sparse', '--quiet']
    await promisify(execFile)(process.execPath, [program, 'mirror', '--to', `oci:${exported}`, ...selection, ...options])
    const archive = `${directory}/releases/${tag}/k3s-airgap-images-${architecture}.tar`
    await promisify(execFile)('tar', ['-cf', archive, '-C', exported, 'oci-layout', 'index.json', 'blobs'])
    await promisify(execFile)('zstd', ['-q', '--rm', archive])
  }
  await server.close()
  await layout.close()
}
