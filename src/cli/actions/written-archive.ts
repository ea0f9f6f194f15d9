import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { bundleTarget } from '../../bundle/bundle-target.ts'
import { partListPath, readPartList } from '../../bundle/part-list.ts'
import { safeLine } from '../../text/printable.ts'
import { formatBytes, formatCount } from '../output/format-amount.ts'

/** What the run has written, as a line that ends with a newline. */
export async function formatWritten(name: string, { splitSize }: { readonly splitSize?: number }): Promise<string> {
  const file = await bundleTarget(name)
  // Next to a bundle that is not split, such a list belongs to the user.
  const parts = splitSize === undefined ? undefined : await readPartList(file)
  const paths = parts?.map(({ name }) => join(dirname(file), name)) ?? [file]
  const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size))
  const size = formatBytes(sizes.reduce((sum, bytes) => sum + bytes, 0))
  const last = paths.at(-1) ?? file
  const what =
    parts === undefined ? file : `${formatCount(paths.length, 'part')} of ${file}, ${paths[0]} to ${last}, and ${partListPath(file)}`
  return `wrote ${safeLine(what)} (${size})\n`
}
