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
import { readImage, unpackLayers } from './read-image.ts'

const interpreters: Readonly<Record<string, string>> = { amd64: 'lib64/ld-linux-x86-64.so.2', arm64: 'lib/ld-linux-aarch64.so.1' }
const triplets: Readonly<Record<string, string>> = { amd64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }
const libraries = ['libc.so.6', 'libdl.so.2', 'libgcc_s.so.1', 'libm.so.6', 'libpthread.so.0', 'libstdc++.so.6']

test('the image has only the program, its libraries, the authorities of the package, and facts about them', async (t) => {
  if (!requireServer(t, 'image')) return
  const images = await readImage(imageFile)
  assert.deepEqual(
    images.map(({ platform }) => platform),
    ['linux/amd64', 'linux/arm64'],
  )
  for (const { platform, config, layers } of images) {
    const architecture = platform.replace('linux/', '')
    const packages = await findDebianPackages(architecture, `${projectRoot}build`)
    const entries = await unpackLayers(layers)
    const files = [...entries].filter(([, { mode }]) => !mode.startsWith('Directory'))
    assert.deepEqual(
      files.map(([path]) => path).toSorted(),
      [
        ...['group', 'nsswitch.conf', 'os-release', 'passwd', 'ssl/certs/ca-certificates.crt'].map((name) => `etc/${name}`),
        interpreters[architecture],
        ...libraries.map((name) => `usr/lib/${triplets[architecture]}/${name}`),
        'usr/local/bin/k3s-mirror',
        ...['k3s-mirror', ...packages.map(({ name }) => name)].map((name) => `usr/share/doc/${name}/copyright`),
        ...packages.map(({ name }) => `var/lib/dpkg/status.d/${name}`),
      ].toSorted(),
    )
    const modes = new Set([...entries].filter(([path]) => path !== 'tmp/').map(([, { mode }]) => mode))
    assert.deepEqual([...modes].toSorted(), ['Directory 755', 'File 644', 'File 755'])
    assert.equal(entries.get('tmp/')?.mode, 'Directory 1777')
    const owned = [...entries].filter(([, { uid }]) => uid !== 0).map(([path, { uid }]) => `${path} ${uid}`)
    assert.deepEqual(owned, ['data/ 65532', 'home/nonroot/ 65532'])
    assert.equal(config.config['User'], '65532:65532')
    const version = packages.find(({ name }) => name === 'libc6')?.version
    assert.ok(entries.get('var/lib/dpkg/status.d/libc6')?.bytes.toString().includes(`Version: ${version}\nArchitecture: ${architecture}\n`))
    // a machine may trust more than the package brings
    const published = packages.flatMap(({ paths }) => paths.filter((path) => path.endsWith('.crt')))
    const bundle = entries.get('etc/ssl/certs/ca-certificates.crt')?.bytes.toString() ?? ''
    assert.ok(published.length > 100)
    assert.equal(bundle.match(/^-----BEGIN CERTIFICATE-----$/gm)?.length, published.length)
  }
})

test('the same files and packages make the same layers again', async (t) => {
  if (!requireServer(t, 'image')) return
  for (const { platform, config } of await readImage(imageFile)) {
    const program = await readBuilt(`build/k3s-mirror-${platform.replace('/', '-')}`, 'npm run package')
    const packages = await findDebianPackages(platform.replace('linux/', ''), `${projectRoot}build`)
    const layers = [await debianFiles(packages, readElf(program, platform)), await programFiles(program)]
    assert.deepEqual(
      layers.map((files) => sha256(packFiles(files))),
      config.rootfs.diff_ids,
    )
  }
})
