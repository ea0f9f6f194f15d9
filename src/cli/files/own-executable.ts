import { isSea } from 'node:sea'

/** The path of this program where it is a single executable application, and undefined where Node runs it: https://nodejs.org/api/single-executable-applications.html */
export function ownExecutable(): string | undefined {
  return isSea() ? process.execPath : undefined
}
