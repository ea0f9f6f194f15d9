import { stdout } from 'node:process'
import { openLayout } from '../../src/layout/open-layout.ts'
import { storeImage, tinyIndex } from './tiny-image.ts'

// Stores one image after another, four at a time, and prints the digest of each once it was acknowledged. Every third is deleted again with its
// contents, which is printed before it begins.
const layout = await openLayout(process.argv[2] ?? '')
stdout.write('open\n')
const repository = { registry: 'docker.io', path: 'rancher/x' }
const work = async (worker: number): Promise<void> => {
  for (let at = 0; ; at++) {
    const image = tinyIndex()
    await storeImage(layout, `rancher/x:${worker}-${at}`, image)
    stdout.write(`${worker}-${at} ${image.root.descriptor.digest}\n`)
    if (at % 3 !== 1) continue
    stdout.write(`${worker}-${at} gone\n`)
    for (const { descriptor } of image.manifests.toReversed()) await layout.deleteManifest(repository, descriptor.digest)
    for (const { descriptor } of image.blobs) await layout.deleteBlob(descriptor.digest)
  }
}
await Promise.all([work(1), work(2), work(3), work(4)])
