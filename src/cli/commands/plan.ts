import { engine, type EngineFlags } from '../options/engine.ts'
import type { CommandDefinition } from '../options/option.ts'
import { output, report, type RunFlags } from '../options/output.ts'
import { credentialsHelp, places, type PlaceFlags } from '../options/places.ts'
import { references, selection, type SelectionFlags } from '../options/selection.ts'

/** What commander makes of the options of `plan`. */
export interface PlanFlags extends SelectionFlags, PlaceFlags, EngineFlags, RunFlags {}

/** `k3s-mirror plan`. */
export const plan: CommandDefinition = {
  description: 'say what would move: images, blobs, bytes, Docker Hub pulls; moves nothing',
  arguments: [references],
  options: [...selection, ...places, ...engine, ...output, ...report],
  help: credentialsHelp,
}
