import { checkOptions } from './check-options.ts'
import type { MirrorOptions } from './options.ts'
import { prepare } from './prepare.ts'
import { startRun, type MirrorRun } from './start-run.ts'

/** Mirrors images: list → plan → copy → report. Failed images are in the report; what is thrown kept the whole run from starting. */
export function mirror(options: MirrorOptions): MirrorRun {
  checkOptions(options, ['to'])
  return startRun('mirror', options.signal, ({ events, signal, follow }) =>
    prepare({ ...options, signal }, events, ({ route, ...plan }) => follow(plan, (copyImages) => copyImages(route))),
  )
}
