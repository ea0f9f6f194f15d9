/** HTML, which is not escaped again. */
export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** A value of a template: everything except Html is escaped, and undefined is empty. */
export type HtmlValue = string | number | undefined | Html | readonly Html[]

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** Text without control and formatting characters, which could reverse a line or drive a terminal: each becomes U+FFFD. Line feeds stay. */
export function visibleText(text: string): string {
  return text.replace(/(?!\n)[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, '\ufffd')
}

/** Text for an element or a quoted attribute, without control and formatting characters. */
export function escapeHtml(text: string): string {
  return visibleText(text.replace(/[&<>"']/g, (c) => escapes[c] ?? ''))
}

function valueText(value: HtmlValue): string {
  if (value === undefined) return ''
  if (value instanceof Html) return value.text
  if (typeof value === 'object') return value.map(({ text }) => text).join('')
  return escapeHtml(String(value))
}

/** A template whose values are escaped. */
export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  return new Html(strings.reduce((text, string, at) => text + valueText(values[at - 1]) + string))
}
