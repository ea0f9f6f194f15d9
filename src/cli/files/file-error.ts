import { isMirrorError, MirrorError } from '../../errors.ts'
import { isDiskFull } from '../../layout/local-io.ts'

/** The error for a file of the user's that cannot be read or written; a MirrorError is returned as it is. */
export function fileError(action: string, path: string, cause: unknown): MirrorError {
  if (isMirrorError(cause)) return cause
  const { code = 'unknown reason' } = cause as NodeJS.ErrnoException
  const hint = isDiskFull(cause) ? 'Make room there.' : 'Check that the directory exists and may be written.'
  return new MirrorError('LOCAL_IO', `cannot ${action} ${path} (${code})`, { hint, cause })
}
