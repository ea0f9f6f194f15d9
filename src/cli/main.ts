#!/usr/bin/env node
import { setDefaultAutoSelectFamilyAttemptTimeout } from 'node:net'
import { runProgram } from './program.ts'

// Node 20 gives each address of a host 250 ms, too little for a far registry.
setDefaultAutoSelectFamilyAttemptTimeout(2500)
await runProgram()
