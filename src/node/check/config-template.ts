import type { ConfigVersion } from '../../registries-yaml/render/rendered.ts'

/** What a template of config.toml contributes to its registry section: https://docs.k3s.io/advanced#configuring-containerd */
export interface TemplateFacts {
  /** It includes K3s' own template, which has the whole section. */
  readonly hasBase: boolean
  /** It writes the credentials of registries.yaml. */
  readonly hasAuth: boolean
  /** It sets `config_path` to K3s' certs.d; `other`: to another directory. */
  readonly configPath: 'own' | 'other' | 'none'
  /** Registries with an auth section that the template itself contains. */
  readonly literalKeys: readonly string[]
  /** It has a registry section of its own. */
  readonly hasSection: boolean
}

const plugin = String.raw`plugins\.["']io\.containerd\.(?:grpc\.v1\.cri|cri\.v1\.images)["']\.registry`
const sectionPattern = new RegExp(String.raw`^[ \t]*\[${plugin}\][ \t]*\r?\n((?:[ \t]*[^[\s][^\n]*\n|[ \t]*\r?\n)*)`, 'm')
const rangePattern = new RegExp(String.raw`^[^#\n]*\[${plugin}\.configs\.[^\n\]]*\{\{[^\n]*\}\}[^\n\]]*\.auth\]`, 'm')
const literalPattern = new RegExp(String.raw`^[^#\n]*\[${plugin}\.configs\.["']([^"'{}\n]+)["']\.auth\]`, 'gm')

/** The file names of templates, in the order in which K3s looks for them, and the version of what they make. */
export const templateNames: readonly (readonly [name: string, version: ConfigVersion])[] = [
  ['config-v3.toml.tmpl', 3],
  ['config.toml.tmpl', 2],
]

/** Reads what a template contributes. `certs` is the path of certs.d on the node. */
export function readTemplate(text: string, certs: string): TemplateFacts {
  const active = `${text}\n`.replace(/\{\{-?\s*\/\*[^]*?\*\/\s*-?\}\}/g, '')
  const hasBase = /\{\{-?\s*template\s+["`]base["`]\s+[^}]*\}\}/.test(active)
  const [, body] = sectionPattern.exec(active) ?? []
  const [, value] = /^[ \t]*config_path[ \t]*=[ \t]*([^\n]*)/m.exec(body ?? '') ?? []
  const isOwn = value !== undefined && (value.includes('.Containerd.Registry') || value.trim().replace(/^["']|["']$/g, '') === certs)
  return {
    hasBase,
    hasAuth: hasBase || rangePattern.test(active),
    configPath: value === undefined ? (hasBase ? 'own' : 'none') : isOwn ? 'own' : 'other',
    literalKeys: [...active.matchAll(literalPattern)].map(([, key = '']) => key),
    hasSection: body !== undefined,
  }
}
