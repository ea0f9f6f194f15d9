import { createRequire } from 'node:module'

/** This package's version, as in its package.json. */
export const version: string = (createRequire(import.meta.url)('k3s-mirror/package.json') as { version: string }).version
