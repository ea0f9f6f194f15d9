/** True for what JSON calls an object: https://www.rfc-editor.org/rfc/rfc8259#section-4 */
export function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Parses JSON; for invalid JSON, throws what `refuse` returns for the parser's error. */
export function parseJson(text: string, refuse: (cause: unknown) => Error): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw refuse(cause)
  }
}

/** The object that a text of JSON is; undefined for anything else. */
export function parseJsonObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isJsonObject(value) ? value : undefined
  } catch {
    return undefined
  }
}
