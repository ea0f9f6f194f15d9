import assert from 'node:assert/strict'

/** An element of a document that was read strictly. */
export interface XmlElement {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: readonly XmlElement[]
  /** The text of the element itself. */
  readonly text: string
}

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', apos: "'", quot: '"' }

function decode(text: string): string {
  assert.doesNotMatch(text, /<|\]\]>/, 'markup in text')
  return text.replace(/&([^;]*);?/g, (whole, name: string) => {
    const character = entities[name]
    assert.ok(character !== undefined && whole.endsWith(';'), `unknown entity ${whole}`)
    return character
  })
}

/** Reads a document of the kind that a report is: elements, attributes, text and the five entities. Fails for what XML 1.0 does not allow. */
export function readXml(document: string): XmlElement {
  assert.doesNotMatch(document, /[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u, 'a character that XML does not have')
  const declaration = '<?xml version="1.0" encoding="UTF-8"?>\n'
  assert.ok(document.startsWith(declaration))
  const root = { name: '', attributes: {}, children: [] as XmlElement[], text: '' }
  const open: { name: string; attributes: Record<string, string>; children: XmlElement[]; text: string }[] = [root]
  let rest = document.slice(declaration.length)
  while (rest !== '') {
    const parent = open.at(-1)
    assert.ok(parent)
    const [text = ''] = /^[^<]*/.exec(rest) ?? []
    parent.text += decode(text)
    rest = rest.slice(text.length)
    if (rest === '') break
    const [tag, close, name = '', attributes = '', empty] = /^<(\/?)([a-z-]+)((?: [a-z]+="[^"<]*")*)(\/?)>/.exec(rest) ?? []
    assert.ok(tag !== undefined, `no tag: ${rest.slice(0, 80)}`)
    rest = rest.slice(tag.length)
    if (close === '/') {
      assert.equal(name, open.pop()?.name)
      continue
    }
    const pairs = [...attributes.matchAll(/ ([a-z]+)="([^"]*)"/g)].map(([, key = '', value = '']) => [key, decode(value)] as const)
    assert.equal(new Set(pairs.map(([key]) => key)).size, pairs.length)
    const element = { name, attributes: Object.fromEntries(pairs), children: [], text: '' }
    parent.children.push(element)
    if (empty === '') open.push(element)
  }
  assert.equal(open.length, 1)
  const [only, ...others] = root.children
  assert.ok(only && others.length === 0 && root.text.trim() === '')
  return only
}
