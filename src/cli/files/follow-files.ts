import { unwatchFile, watchFile } from 'node:fs'

const watchMilliseconds = 1000

/** Calls back after changes of files until it is disposed of, also where a link leads to another file, as the files of a Secret do in Kubernetes. */
export function followFiles(paths: readonly string[], onChange: () => void): Disposable {
  const listener = (): void => onChange()
  for (const path of paths) watchFile(path, { interval: watchMilliseconds, persistent: false }, listener)
  return {
    [Symbol.dispose]: () => {
      for (const path of paths) unwatchFile(path, listener)
    },
  }
}
