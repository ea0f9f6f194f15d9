import { quoted } from '../text/printable.ts'

/** A key or an endpoint of the file for a message: quoted, without the text before an "@" and after a "?", which may be a secret. */
export function shown(text: string): string {
  const [, scheme = '', rest = text] = /^([a-z][a-z0-9+.-]*:\/\/)([^]*)$/i.exec(text) ?? []
  const at = rest.lastIndexOf('@')
  const host = at === -1 ? rest : `***@${rest.slice(at + 1)}`
  return quoted((scheme + host).replace(/\?[^]+$/, '?***'))
}

/** The key at an index of a path. Under a host of `configs` the text after a colon is masked, because `password:secret` without a space is a key. */
export function shownKey(path: readonly (string | number)[], index: number = path.length - 1): string {
  const key = String(path[index] ?? '')
  return shown(path[0] === 'configs' && index > 1 ? key.replace(/:[^]+$/, ':***') : key)
}

/** A path of keys for a message, as `configs."host:5000".auth`; empty for the whole file. */
export function shownPath(path: readonly (string | number)[]): string {
  return path
    .map((part, index) => {
      if (typeof part === 'number') return `[${part}]`
      return (index === 0 ? '' : '.') + (/^[\w-]{1,60}$/.test(part) ? part : shownKey(path, index))
    })
    .join('')
}
