import { maskForeign } from '../secrets.ts'
import { printable } from './redact.ts'

/** Text of others for a message of ours: no credentials, control characters as escapes, at most 2 KiB. */
export function foreignText(text: string): string {
  return printable(maskForeign(text))
}
