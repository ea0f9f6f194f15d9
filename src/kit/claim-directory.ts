import { join } from 'node:path'
import { isMirrorError } from '../errors.ts'
import { refuseLink } from '../layout/blob-store.ts'
import { claimLayout, type LayoutClaim } from '../layout/layout-claim.ts'
import { withLocalIo } from '../layout/local-io.ts'
import { makeDirectory } from '../layout/make-directory.ts'
import { privateName } from '../layout/open-layout.ts'
import { followLinks, refusePlanted } from '../layout/planted-files.ts'

/** Takes a directory for the files of kits, as the writer of a layout takes it: of two pushes, one would undo what the other lists. Throws LAYOUT_LOCKED, LOCAL_IO, and USAGE for what another user planted. */
export async function claimDirectory(directory: string): Promise<LayoutClaim> {
  await refusePlanted(await followLinks(directory))
  const claims = join(directory, privateName)
  return withLocalIo('write', directory, async () => {
    await makeDirectory(directory)
    await refuseLink(claims)
    await refusePlanted(claims)
    await makeDirectory(claims, 0o700)
    return claimLayout(claims).catch((error: unknown) => {
      if (!isMirrorError(error) || error.code !== 'LAYOUT_LOCKED') throw error
      throw error.with({ message: error.message.replace('this layout', directory) })
    })
  })
}
