import { isNode, isScalar, visit, type Scalar } from 'yaml'
import { parseWritten } from '../read/parse-registries.ts'
import { applyTextEdits, type TextEdit } from './edit.ts'

/** Fields with values that are not secret. */
const openFields = /^(?:username|ca_?file|cert_?file|key_?file|insecure_?skip_?verify)$/i
/** The same for all values below them. */
const openTrees = /^rewrites?$/i
/** The same, except for the queries of their URLs. */
const endpointTrees = /^endpoints?$/i

function mask(text: string): string {
  return text.replace(/[^\r\n]+/g, '***')
}

/** A host or a URL with `?***` in place of its query. */
function maskQuery(text: string): string {
  return text.replace(/\?([^]+?)(?=["']?$)/, (_, query: string) => `?${mask(query)}`)
}

/** A text with `***` in place of every value that may be a secret: all but endpoints without their queries, rewrites, user names and TLS settings. Lines keep their numbers. */
export function hideValues(text: string): string {
  const { document } = parseWritten(text, '')
  if (document.root === undefined || document.root === null) return text
  const hidden: TextEdit[] = []
  const hide = (node: Scalar, change: (written: string) => string): void => {
    const [start, end] = document.rangeOf(node)
    hidden.push({ start, end, text: change(text.slice(start, end)) })
  }
  visit(document.root, {
    Pair(_, { key, value }) {
      const name = isScalar(key) ? String(key.value).replaceAll('-', '_') : ''
      if (endpointTrees.test(name)) {
        if (isNode(value)) visit(value, { Scalar: (_place, node) => hide(node, maskQuery) })
        return visit.SKIP
      }
      return openTrees.test(name) || (openFields.test(name) && isScalar(value)) ? visit.SKIP : undefined
    },
    Scalar(place, node, ancestors) {
      // `password:secret` without a space is a key; above it are the names of hosts, which may have a port.
      const isName = place === 'key' && (ancestors.length <= 4 || !String(node.value).includes(':'))
      hide(node, isName ? maskQuery : mask)
    },
  })
  return applyTextEdits(text, hidden)
}
