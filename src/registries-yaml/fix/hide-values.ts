import { isScalar, visit } from 'yaml'
import { parseWritten } from '../read/parse-registries.ts'
import { applyTextEdits, type TextEdit } from './edit.ts'

/** Fields with values that are not secret. */
const openFields = /^(?:username|ca_?file|cert_?file|key_?file|insecure_?skip_?verify)$/i
/** The same for all values below them. */
const openTrees = /^(?:endpoints?|rewrites?)$/i

/** A text with `***` in place of every value that may be a secret: all but endpoints, rewrites, user names and TLS settings. Lines keep their numbers. */
export function hideValues(text: string): string {
  const { document } = parseWritten(text, '')
  if (document.root === undefined || document.root === null) return text
  const hidden: TextEdit[] = []
  visit(document.root, {
    Pair(_, { key, value }) {
      const name = isScalar(key) ? String(key.value).replaceAll('-', '_') : ''
      return openTrees.test(name) || (openFields.test(name) && isScalar(value)) ? visit.SKIP : undefined
    },
    Scalar(place, node, ancestors) {
      // `password:secret` without a space is a key; above it are the names of hosts, which may have a port.
      const isName = place === 'key' && (ancestors.length <= 4 || !String(node.value).includes(':'))
      const [start, end] = document.rangeOf(node)
      if (!isName) hidden.push({ start, end, text: text.slice(start, end).replace(/[^\r\n]+/g, '***') })
    },
  })
  return applyTextEdits(text, hidden)
}
