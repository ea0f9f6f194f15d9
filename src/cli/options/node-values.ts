import { posix } from 'node:path'
import { InvalidArgumentError } from 'commander'
import { isCidr, isSystemRegistry } from '../../node/value-forms.ts'
import { parseReference } from '../../oci/reference.ts'

/** An absolute path on a node. */
export function parseAbsolutePath(text: string): string {
  if (!text.startsWith('/')) throw new InvalidArgumentError('expected an absolute path on the nodes, as in /data/k3s')
  return posix.resolve(text)
}

/** `host[:port][/path]`; empty for K3s' default. */
export function parseSystemRegistry(text: string): string {
  if (text === '' || isSystemRegistry(text)) return text
  throw new InvalidArgumentError('expected host[:port][/path] without a scheme, as in registry.example.com:5000/mirror')
}

/** An image reference; empty for none. */
export function parsePauseImage(text: string): string {
  try {
    if (text !== '') parseReference(text)
    return text
  } catch {
    throw new InvalidArgumentError('expected an image reference, as in rancher/mirrored-pause:3.6')
  }
}

/** Collects networks, which may also be separated by commas. */
export function collectCidrs(text: string, previous: readonly string[] = []): readonly string[] {
  const cidrs = text.split(',').map((part) => part.trim())
  if (!cidrs.every(isCidr)) throw new InvalidArgumentError('expected a network, as in 10.43.0.0/16 or fd00:43::/112')
  return [...previous, ...cidrs]
}
