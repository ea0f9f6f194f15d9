import assert from 'node:assert/strict'
import { test } from 'node:test'
import { projectRoot } from '../../scripts/build-cli.ts'
import { debianFiles } from '../../scripts/image/debian-layer.ts'
import { findDebianPackages } from '../../scripts/image/debian-packages.ts'
import { readElf } from '../../scripts/image/elf.ts'
import { packFiles } from '../../scripts/image/layer.ts'
import { programFiles, readBuilt } from '../../scripts/image/program-layer.ts'
import { sha256 } from '../../src/oci/digest.ts'
import { imageFile, requireServer } from '../servers/require-server.ts'
import { readImage } from './read-image.ts'

const places = {
  amd64: { interpreter: 'lib64/ld-linux-x86-64.so.2', libraries: 'usr/lib/x86_64-linux-gnu' },
  arm64: { interpreter: 'lib/ld-linux-aarch64.so.1', libraries: 'usr/lib/aarch64-linux-gnu' },
} as const
const libraries = ['libc.so.6', 'libdl.so.2', 'libgcc_s.so.1', 'libm.so.6', 'libpthread.so.0', 'libstdc++.so.6']

test('the image has only the program, its libraries, authorities and facts, and the same bytes in a second build', async (t) => {
  if (!requireServer(t, 'image')) return
  const images = await readImage(imageFile)
  assert.deepEqual(
    images.map(({ platform }) => platform),
    ['linux/amd64', 'linux/arm64'],
  )
  for (const architecture of ['amd64', 'arm64'] as const) {
    const config = images.find(({ platform }) => platform === `linux/${architecture}`)?.config
    const program = await readBuilt(`build/k3s-mirror-linux-${architecture}`, 'npm run package')
    const packages = await findDebianPackages(architecture, `${projectRoot}build`)
    const layers = [await debianFiles(packages, readElf(program, architecture)), await programFiles(program)]
    assert.deepEqual(
      layers.map((files) => sha256(packFiles(files))),
      config?.rootfs.diff_ids,
    )
    assert.equal(config?.config['User'], '65532:65532')
    const entries = layers.flat()
    assert.deepEqual(
      entries
        .filter(({ bytes }) => bytes !== undefined)
        .map(({ path, mode = 0o644 }) => `${path} ${mode.toString(8)}`)
        .toSorted(),
      [
        ...['group', 'nsswitch.conf', 'os-release', 'passwd', 'ssl/certs/ca-certificates.crt'].map((name) => `etc/${name} 644`),
        `${places[architecture].interpreter} 755`,
        ...libraries.map((name) => `${places[architecture].libraries}/${name} 755`),
        'usr/local/bin/k3s-mirror 755',
        ...['k3s-mirror', ...packages.map(({ name }) => name)].map((name) => `usr/share/doc/${name}/copyright 644`),
        ...packages.map(({ name }) => `var/lib/dpkg/status.d/${name} 644`),
      ].toSorted(),
    )
    assert.deepEqual(
      entries.filter(({ bytes }) => bytes === undefined).map(({ path, mode = 0o755, owner = 0 }) => `${path} ${mode.toString(8)} ${owner}`),
      ['tmp 1777 0', 'home/nonroot 755 65532', 'data 755 65532'],
    )
    const textOf = (path: string): string => entries.find((entry) => entry.path === path)?.bytes?.toString() ?? ''
    const libc = packages.find(({ name }) => name === 'libc6')
    assert.ok(textOf('var/lib/dpkg/status.d/libc6').includes(`Version: ${libc?.version}\nArchitecture: ${architecture}\n`))
    // a machine may trust more authorities than the package has
    const published = packages.flatMap(({ paths }) => paths.filter((path) => path.endsWith('.crt')))
    assert.ok(published.length > 100)
    assert.equal(textOf('etc/ssl/certs/ca-certificates.crt').match(/^-----BEGIN CERTIFICATE-----$/gm)?.length, published.length)
  }
})
