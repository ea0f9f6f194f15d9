import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { openLayout } from '../../src/layout/open-layout.ts'
import { createRegistryServer } from '../../src/registry-server/registry-server.ts'
import { certificateAuthority } from '../../test/servers/certificates.ts'
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
  const sha256 = createHash('sha256').update(list).digest('hex')
  const assets = { tag_name: tag, assets: [{ name: 'k3s-images.txt', digest: `sha256:${sha256}` }] }
  await mkdir(`${directory}/releases/${tag}`)
  await writeFile(`${directory}/releases/${tag}/k3s-images.txt`, list)
  // since mid-2025 the checksum file of a release does not name the list
  await writeFile(`${directory}/releases/${tag}/sha256sum-amd64.txt`, `${'0'.repeat(64)}  k3s\n`)
  await writeFile(`${directory}/releases/${tag}/release.json`, JSON.stringify(assets))
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
