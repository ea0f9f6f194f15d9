#!/usr/bin/env node
import { setDefaultAutoSelectFamilyAttemptTimeout } from 'node:net'
import { runProgram } from './program.ts'

// Node 20 gives each address of a host 250 ms, too little for a far registry.
setDefaultAutoSelectFamilyAttemptTimeout(2500)

// As with a top-level await, which a single executable cannot have: a program that never settles fails.
let isSettled = false
process.once('beforeExit', () => {
  if (!isSettled) process.exitCode = 13
})
void runProgram().finally(() => (isSettled = true))
