import { unwatchFile, watchFile } from 'node:fs'
import { Authenticator } from '../../registry-server/authenticator.ts'
import { parseHtpasswd, type PasswordHashes } from '../../registry-server/htpasswd.ts'
import type { CliProcess } from '../cli-process.ts'
import { readGiven } from './file-error.ts'

const lookMilliseconds = 1000

async function readHtpasswd(path: string): Promise<PasswordHashes> {
  return parseHtpasswd((await readGiven('--htpasswd', path, 'file')).text)
}

/** The users of an htpasswd file, and of what it becomes. */
export interface PasswordFile extends Disposable {
  readonly authenticator: Authenticator
}

/** Opens the file of `--htpasswd`, and follows its changes; one that cannot be read or parsed is told and passed over. Throws LOCAL_IO and INVALID_CONFIG. */
export async function openPasswordFile(path: string, tell: Pick<CliProcess, 'note' | 'warn'>): Promise<PasswordFile> {
  const authenticator = new Authenticator(await readHtpasswd(path))
  const take = async (): Promise<void> => {
    try {
      authenticator.replace(await readHtpasswd(path))
      tell.note(`read ${path} again`)
    } catch (error) {
      tell.warn(`${path} has changed and is not taken: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  const onChange = (): void => void take()
  watchFile(path, { interval: lookMilliseconds, persistent: false }, onChange)
  return {
    authenticator,
    [Symbol.dispose]: () => {
      unwatchFile(path, onChange)
      authenticator[Symbol.dispose]()
    },
  }
}
