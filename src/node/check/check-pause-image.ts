import { quoted } from '../../text/printable.ts'
import { writtenPauseImage } from '../asked-names.ts'
import type { NodeSettings } from '../node-settings.ts'
import { nodeFinding, type NodeFinding } from './finding.ts'

/** What config.toml has, and the node that K3s wrote it for. */
export interface PauseInput {
  /** The path of config.toml on the node. */
  readonly path: string
  /** The sandbox image in it. */
  readonly image: string | undefined
  /** An agent gets the system registry from its server. */
  readonly isAgent: boolean
}

/** Compares the pause image of config.toml with the settings; the default of a version is not compared. */
export function checkPauseImage(settings: NodeSettings, { path, image, isAgent }: PauseInput): readonly NodeFinding[] {
  const { pauseImage, systemDefaultRegistry = '' } = settings
  if (pauseImage === undefined && (systemDefaultRegistry === '' || image === undefined)) return []
  const has = image ?? ''
  const wanted = pauseImage === undefined ? undefined : writtenPauseImage(pauseImage, settings)
  const isSame = wanted === undefined ? has.startsWith(systemDefaultRegistry) : has === wanted || (isAgent && has.endsWith(`/${wanted}`))
  if (isSame) return []
  const now = has === '' ? 'there is no pause image' : `the pause image is ${quoted(has)}`
  const then = wanted === undefined ? `one of ${quoted(systemDefaultRegistry)}` : wanted === '' ? 'none' : quoted(wanted)
  const fix = 'restart K3s, which writes config.toml when it starts'
  return [nodeFinding('pause-image-changed', path, `${now}, and K3s would write ${then}`, { fix, restart: true })]
}
