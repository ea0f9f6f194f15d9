import type { Rule } from '../lint/rule.ts'
import type { Path } from '../read/decode-yaml.ts'
import { shown } from '../shown-text.ts'

/** True where K3s' parser merges both mappings. The keys under `mirrors` and `configs` are names, of which the last one wins. */
function isMerged(path: Path): boolean {
  const [section, , key] = path
  if (path.length === 1) return section === 'mirrors' || section === 'configs'
  return path.length === 3 && (section === 'mirrors' ? key === 'rewrite' : key === 'auth' || key === 'tls')
}

/** A key that occurs twice in one mapping. */
export const duplicateKey: Rule = {
  title: 'A key occurs twice',
  about: `K3s uses the last of several equal keys and ignores the others without a message. If a mirror is written twice, the endpoints of the first one are lost.
K3s merges only \`mirrors\`, \`configs\`, \`rewrite\`, \`auth\` and \`tls\`; this is a warning, because most YAML parsers reject duplicate keys.`,
  remark: (remark) => {
    if (remark.kind !== 'duplicate-key') return undefined
    const { path, first } = remark
    const key = shown(String(path.at(-1)))
    const merges = isMerged(path)
    return {
      message: `duplicate key ${key}: ${merges ? `K3s merges it with line ${first.line}` : `K3s ignores the one in line ${first.line}`}`,
      fix: `merge both entries under one ${key}`,
      severity: merges ? 'warning' : 'error',
      edit: { kind: 'remove', path },
    }
  },
}
