import type { EngineSummary } from '../../copy/events.ts'

/** An Engine for people: `a Docker Engine with the classic image store`, or `Podman`. */
export function formatEngine({ store }: EngineSummary): string {
  return store === 'podman' ? 'Podman' : `a Docker Engine with the ${store} image store`
}
