import { isAlias, isNode, visit, type Alias, type Document, type Node } from 'yaml'

/** The aliases of a document. */
export interface Aliases {
  /** The node that each alias refers to, which may contain the same alias. */
  readonly targets: ReadonlyMap<Alias, Node>
  /** The first alias without an anchor. */
  readonly unknown: Alias | undefined
}

/** Finds the node of each alias, which is the last one before it with the anchor; in linear time, unlike `Alias.resolve`. */
export function resolveAliases(document: Document): Aliases {
  const anchors = new Map<string, Node>()
  const targets = new Map<Alias, Node>()
  let unknown: Alias | undefined
  visit(document, (_, node) => {
    if (isAlias(node)) {
      const target = anchors.get(node.source)
      if (target === undefined) unknown ??= node
      else targets.set(node, target)
    } else if (isNode(node) && node.anchor !== undefined) anchors.set(node.anchor, node)
  })
  return { targets, unknown }
}
