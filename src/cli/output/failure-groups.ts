import type { ErrorSummary } from '../../copy/events.ts'

/** An image that failed, by its names. */
export interface FailedImage {
  readonly source: string
  readonly destination: string
  readonly error: ErrorSummary
}

/** Images that failed for one reason; in a group of several the message has `<image>` and the like for what is theirs alone. */
export interface FailureGroup {
  readonly error: ErrorSummary
  readonly images: readonly string[]
}

function pathOf(reference: string): string {
  const name = reference.slice(reference.indexOf('/') + 1).replace(/@.*$/, '')
  return name.replace(/:[^/]*$/, '')
}

/** A message without what names the image, so that the same failure reads the same for every image. */
function withoutNames({ source, destination, error }: FailedImage): string {
  const names: readonly (readonly [string, string])[] = [
    [source, '<image>'],
    [destination, '<image>'],
    [pathOf(destination), '<repository>'],
    [pathOf(source), '<repository>'],
  ]
  const unnamed = names.reduce((message, [name, word]) => (name.length < 3 ? message : message.replaceAll(name, word)), error.message)
  return unnamed
    .replaceAll(/sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})/g, '<digest>')
    .replaceAll(/(<repository>\/manifests\/|<repository>:)[^\s:,"')]+/g, '$1<tag>')
}

/** Groups failures by code and reason, largest group first. */
export function groupFailures(failures: readonly FailedImage[]): FailureGroup[] {
  const groups = new Map<string, FailedImage[]>()
  for (const failure of failures) {
    const reason = `${failure.error.code} ${withoutNames(failure)}`
    const group = groups.get(reason)
    if (group === undefined) groups.set(reason, [failure])
    else group.push(failure)
  }
  return [...groups.values()]
    .flatMap((group) => {
      const [first] = group
      if (first === undefined) return []
      const isUniform = group.every((failure) => failure.error.message === first.error.message)
      const message = isUniform ? first.error.message : withoutNames(first)
      return [{ error: { ...first.error, message }, images: group.map((failure) => failure.source) }]
    })
    .toSorted((a, b) => b.images.length - a.images.length)
}
