import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'

/** Starts the thread of `bcrypt-worker.ts`, which answers each `Comparison` with true or false. */
export function startBcryptThread(): Worker {
  return new Worker(new URL(`./bcrypt-worker${extname(import.meta.url)}`, import.meta.url))
}
