/** Lets worker threads of tests load TypeScript: on Node 20, `--import tsx` does that for the main thread only. */
import { isMainThread } from 'node:worker_threads'

if (!isMainThread) {
  const { register } = await import('tsx/esm/api')
  register()
}
