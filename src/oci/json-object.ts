/** True for what JSON calls an object: https://www.rfc-editor.org/rfc/rfc8259#section-4 */
export function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
