import type { Rule } from '../lint/rule.ts'
import type { Path } from '../read/decode-yaml.ts'
import { shown } from '../shown-text.ts'

/** True where K3s' parser puts both mappings together; below `mirrors` and `configs` the keys are names, and the last one is all there is. */
function isPutTogether(path: Path): boolean {
  const [section, , key] = path
  if (path.length === 1) return section === 'mirrors' || section === 'configs'
  return path.length === 3 && (section === 'mirrors' ? key === 'rewrite' : key === 'auth' || key === 'tls')
}

/** A key that occurs twice in one mapping. */
export const duplicateKey: Rule = {
  title: 'A key occurs twice',
  about: `K3s takes the last of several equal keys and says nothing: of a mirror that is written twice the first one's endpoints are gone. Only the
mappings \`mirrors\`, \`configs\`, \`rewrite\`, \`auth\` and \`tls\` are put together when they occur twice; that is a warning, because most readers of YAML refuse it.`,
  remark: (remark) => {
    if (remark.kind !== 'duplicate-key') return undefined
    const { path, first } = remark
    const key = shown(String(path.at(-1)))
    const isTogether = isPutTogether(path)
    return {
      message: `${key} stands here again, after line ${first.line}; ${isTogether ? 'K3s puts the two together' : 'only this one counts'}`,
      fix: `Write ${key} once, with everything that belongs to it.`,
      severity: isTogether ? 'warning' : 'error',
    }
  },
}
