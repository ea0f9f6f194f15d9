import { Authenticator } from '../../registry-server/authenticator.ts'
import { parseHtpasswd, type PasswordHashes } from '../../registry-server/htpasswd.ts'
import type { CliProcess } from '../cli-process.ts'
import { readGiven } from './file-error.ts'
import { followFiles } from './follow-files.ts'

async function readHtpasswd(path: string): Promise<PasswordHashes> {
  return parseHtpasswd((await readGiven('--htpasswd', path, 'file')).text)
}

/** The users of an htpasswd file, which follow the file. */
export interface PasswordFile extends Disposable {
  readonly authenticator: Authenticator
  /** Reads the file again. An unreadable or invalid file is logged, and the users stay as they are. */
  readonly reload: () => Promise<void>
}

/** Opens the file of `--htpasswd` and follows its changes; warns of a file without users. Throws LOCAL_IO and INVALID_CONFIG. */
export async function openPasswordFile(path: string, { note, warn }: Pick<CliProcess, 'note' | 'warn'>): Promise<PasswordFile> {
  const warnOfNone = (users: PasswordHashes): void => {
    if (users.size === 0) warn(`${path} has no users: every request is denied; add one with: htpasswd -B ${path} <user>`)
  }
  const first = await readHtpasswd(path)
  warnOfNone(first)
  const authenticator = new Authenticator(first)
  const reload = async (): Promise<void> => {
    try {
      const users = await readHtpasswd(path)
      authenticator.replace(users)
      note(`reloaded the password file ${path} (${users.size === 1 ? '1 user' : `${users.size} users`})`)
      warnOfNone(users)
    } catch (error) {
      warn(`the password file ${path} is not reloaded: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  const following = followFiles([path], () => void reload())
  return {
    authenticator,
    reload,
    [Symbol.dispose]: () => {
      following[Symbol.dispose]()
      authenticator[Symbol.dispose]()
    },
  }
}
