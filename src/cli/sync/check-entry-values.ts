import { InvalidArgumentError } from 'commander'
import { MirrorError } from '../../errors.ts'
import { parsePlatform } from '../../oci/platform.ts'
import { parseRenameRule } from '../../registries-yaml/rename-rule.ts'
import { imageFilter } from '../../release/image-filter.ts'
import { parseReferences } from '../../release/image-list.ts'
import { parseReleaseName } from '../../release/version.ts'
import { collectHost } from '../options/values.ts'

/** What a run would refuse before its first request, by key. */
const checks: Readonly<Record<string, (values: readonly string[]) => unknown>> = {
  releases: (values) => values.map(parseReleaseName),
  references: parseReferences,
  include: (include) => imageFilter({ include }),
  exclude: (exclude) => imageFilter({ exclude }),
  platforms: (values) => values.map(parsePlatform),
  rewrite: (values) => values.map(parseRenameRule),
  tokenHosts: (values) => values.map((value) => collectHost(value)),
  storageHosts: (values) => values.map((value) => collectHost(value)),
}

/** Checks the values of an entry as a run would, so that a mistake is found when the file is read. */
export function checkEntryValues(entry: Readonly<Record<string, unknown>>, attempt: (key: string, action: () => unknown) => unknown): void {
  for (const [key, check] of Object.entries(checks)) {
    const values = entry[key] as readonly string[] | undefined
    if (values === undefined) continue
    attempt(key, () => {
      try {
        return check(values)
      } catch (error) {
        if (error instanceof InvalidArgumentError) throw new MirrorError('USAGE', error.message)
        throw error
      }
    })
  }
  if (entry['via'] !== 'docker')
    for (const key of ['dockerHost', 'keep'] as const)
      if (entry[key] !== undefined && entry[key] !== false)
        attempt(key, () => {
          throw new MirrorError('USAGE', 'it requires via: docker', { hint: `add via: docker, or remove ${key}` })
        })
}
