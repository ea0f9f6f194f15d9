import type { CommandDefinition } from '../../options/option.ts'
import { output, runOutput, type RunFlags } from '../../options/output.ts'
import { credentialsHelp, destination, naming, transfer, type PlaceFlags } from '../../options/places.ts'
import { archived, type ArchivedFlags } from '../../options/selection.ts'

/** What commander makes of the options of `bundle push`. */
export interface PushFlags extends ArchivedFlags, PlaceFlags, RunFlags {}

/** `k3s-mirror bundle push`. */
export const bundlePush: CommandDefinition = {
  description:
    'copy the images of archives to a registry or a layout, straight out of the files; the platforms of one image come under one tag',
  arguments: [['<file...>', 'bundles, and archives of docker save, ctr images export, skopeo or a K3s release; gzip and zstd too']],
  options: [...archived, ...destination, ...naming, ...transfer(), ...output, ...runOutput],
  help: credentialsHelp,
}
