import { statSync } from 'node:fs'
import type { Command } from 'commander'
import { MirrorError } from '../../errors.ts'
import { quoted } from '../../text/printable.ts'

const archives = /\.(?:tar|tar\.(?:gz|zst|xz|bz2)|tgz)(?:\.\d{3})?$/i
const lists = /\.(?:txt|list|lst|csv)$/i
const yaml = /\.(?:ya?ml|json)$/i
const releases = /^(?:v\d+\.\d+(?:\.\d+)?(?:\+k3s\d+)?(?:-rc\.?\d+(?:\+k3s\d+)?)?|stable|latest|testing)$/

/** What a text names in place of an image, and what to pass instead, by the options of the command. */
function readMisplaced(text: string, has: (flag: string) => boolean, command: Command): readonly [what: string, hint: string] | undefined {
  const images = has('--images') ? `pass --images ${text}` : undefined
  const either = (...hints: readonly (string | undefined | false)[]): string =>
    hints.find((hint): hint is string => typeof hint === 'string') ?? 'pass image references, as in docker.io/rancher/klipper-lb:v0.4.17'
  if (text === '-') return ['standard input', either(images)]
  if (text.startsWith('oci:')) {
    const source = has('--from') && has('--to') && command.name() !== 'verify' ? ` --from '*=${text}'` : ''
    return ['an OCI layout', either(images && `${images}${source}`)]
  }
  if (/^(?:dir|docker-archive|oci-archive):/.test(text))
    return ['an archive', `run k3s-mirror bundle push ${text.replace(/^[a-z-]+:/, '')}`]
  if (archives.test(text)) {
    const push = command.name() === 'mirror' && `run k3s-mirror bundle push ${text} --to <destination>`
    return ['a bundle or archive', either(push, images)]
  }
  if (yaml.test(text)) {
    const isLock = /lock/i.test(text)
    const isRegistries = /registries/i.test(text)
    return [
      'a file',
      either(
        isLock && images,
        isRegistries && has('--registries') && `pass --registries ${text}`,
        has('--manifest') && `pass --manifest ${text} for the images of a Kubernetes manifest`,
      ),
    ]
  }
  if (lists.test(text)) return ['a file', either(images)]
  if (releases.test(text)) return ['a K3s release or channel', either(has('--release') && `pass --release ${text}`)]
  if (/[*?]/.test(text)) return ['a glob', either(has('--include') && `pass --include '${text}' together with --release or --images`)]
  const facts = statSync(text, { throwIfNoEntry: false })
  if (/^(?:\.{0,2}\/|~)/.test(text)) {
    if (facts?.isDirectory() === true) return ['a directory', either(images && `pass --images oci:${text} for an OCI layout`)]
    return ['a path', either(images && `${images} for a list`)]
  }
  // A name without a tag may be that of an image, so the hint has both.
  if (facts?.isFile() === true) return ['a file', either(images && `${images} for the file, or ${text}:latest for the image`)]
  return undefined
}

/** Throws USAGE for texts that are not references of images but files, layouts, releases or globs. */
export function refuseMisplaced(texts: readonly string[], command: Command): void {
  const has = (flag: string): boolean => command.options.some(({ long }) => long === flag)
  for (const text of texts) {
    const misplaced = readMisplaced(text, has, command)
    if (misplaced === undefined) continue
    const [what, hint] = misplaced
    throw new MirrorError('USAGE', `expected an image reference, got ${what}: ${quoted(text)}`, { hint })
  }
}
