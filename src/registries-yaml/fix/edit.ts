import type { Path } from '../read/decode-yaml.ts'

/**
 * A change of a registries.yaml that a rule announces. `rename` gives a mirror or a config another name, and `correct` an unknown key its right
 * name. `unquote` removes the quotes of a boolean, `list` makes a list of a single value, and `remove` deletes the last of two equal entries.
 */
export type Edit =
  | { readonly kind: 'rename' | 'correct'; readonly path: Path; readonly to: string }
  | { readonly kind: 'unquote' | 'list' | 'remove'; readonly path: Path }

/** Text that replaces a range of a file; offsets are UTF-16 code units, a byte order mark included. */
export interface TextEdit {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** Applies edits that do not overlap. */
export function applyTextEdits(text: string, edits: readonly TextEdit[]): string {
  return edits
    .toSorted((a, b) => b.start - a.start)
    .reduce((changed, { start, end, text: inserted }) => changed.slice(0, start) + inserted + changed.slice(end), text)
}
