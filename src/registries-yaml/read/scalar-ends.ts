import { isScalar, visit } from 'yaml'
import type { YamlDocument } from './yaml-document.ts'

/** The offset behind each key and single value, by the offset of its first character. */
export function scalarEnds({ root, rangeOf }: YamlDocument): ReadonlyMap<number, number> {
  const ends = new Map<number, number>()
  if (root === undefined || root === null) return ends
  visit(root, (_, node) => {
    if (isScalar(node)) ends.set(...rangeOf(node))
  })
  return ends
}
