import { parentPort } from 'node:worker_threads'
import { compareSync } from 'bcryptjs'
import type { Comparison } from './authenticator.ts'

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- threads have no origin
parentPort?.on('message', ({ password, hash }: Comparison) => parentPort?.postMessage(compareSync(password, hash)))
