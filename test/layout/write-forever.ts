import { stdout } from 'node:process'
import { openLayout } from '../../src/layout/open-layout.ts'
import { storeImage, tinyIndex } from './tiny-image.ts'

// Stores one image after another, four at a time, and prints the digest of each once it was acknowledged.
const layout = await openLayout(process.argv[2] ?? '')
stdout.write('open\n')
const work = async (worker: number): Promise<void> => {
  for (let at = 0; ; at++) {
    const image = tinyIndex()
    await storeImage(layout, `rancher/x:${worker}-${at}`, image)
    stdout.write(`${worker}-${at} ${image.root.descriptor.digest}\n`)
  }
}
await Promise.all([work(1), work(2), work(3), work(4)])
