import { redactUserinfo } from '../../text/redact.ts'

/** A document for `--output json` and `--report`, on one line without a newline; userinfo in any string is replaced. */
export function formatJson(document: object): string {
  return JSON.stringify(document, (_key, value: unknown) => (typeof value === 'string' ? redactUserinfo(value) : value))
}
