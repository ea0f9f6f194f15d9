import type { Position } from '../../registries-yaml/registries.ts'
import { redactUserinfo } from '../../text/redact.ts'
import type { ConfigPath, ConfigProblem } from './config-document.ts'
import { secretHint } from './expand-variables.ts'

/** Parameters of signed URLs. */
const secretParameter = /[?&][^=&#]*(?:pass|secret|token|credential|signature|auth|api-?_?key|access-?_?key|sig)[^=&#]*=[^&#]/i

/** What in a text is a credential; undefined for a text without one. */
function secretIn(text: string): string | undefined {
  if (redactUserinfo(text) !== text) return 'a user and a password'
  return text.includes('://') && secretParameter.test(text) ? 'a URL with a secret parameter' : undefined
}

/** Finds credentials in the values of a configuration; their text is in no message. */
export function findSecrets(value: unknown, positionOf: (path: ConfigPath) => Position, path: ConfigPath = []): readonly ConfigProblem[] {
  if (typeof value === 'string') {
    const what = secretIn(value)
    return what === undefined
      ? []
      : [{ position: positionOf(path), why: `this file must not hold credentials, but the value has ${what}`, hint: secretHint }]
  }
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, child]) =>
    findSecrets(child, positionOf, [...path, Array.isArray(value) ? Number(key) : key]),
  )
}
