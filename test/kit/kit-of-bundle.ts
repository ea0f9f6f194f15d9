import { list } from 'tar'
import { formatBundleIndex } from '../../src/bundle/bundle-contents.ts'
import { formatBundleRecord, parseBundleRecord } from '../../src/bundle/bundle-record.ts'
import { kitFile, packTar } from '../bundle/bundle-files.ts'

/** Packs a bundle again as a kit with these files. */
export async function kitOfBundle(bundle: string, files: Readonly<Record<string, Uint8Array | string>>): ReturnType<typeof packTar> {
  const packed: Record<string, Uint8Array | string> = { ...files }
  await list({
    file: bundle,
    async onReadEntry(entry) {
      packed[entry.path] = await entry.concat()
    },
  })
  const made = Object.entries(files).map(([path, content]) => kitFile(path, content))
  const record = { ...(await parseBundleRecord(Buffer.from(packed['k3s-mirror.json'] ?? ''))), files: made }
  const bytes = formatBundleRecord(record)
  return packTar({ ...packed, 'index.json': formatBundleIndex(record, bytes), 'k3s-mirror.json': bytes })
}
