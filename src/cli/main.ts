#!/usr/bin/env node
import { setDefaultAutoSelectFamilyAttemptTimeout } from 'node:net'
import { CommanderError } from 'commander'
import { startCliProcess } from './cli-process.ts'
import { exitCodeOfError, exitCodes } from './exit-code.ts'
import { formatError } from './output/error-text.ts'
import { stylesFor } from './output/styles.ts'
import { createProgram } from './program.ts'

// Node 20 gives each address of a host 250 ms, too little for a far registry.
setDefaultAutoSelectFamilyAttemptTimeout(2500)
const cli = startCliProcess()
try {
  await createProgram(cli).parseAsync()
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? exitCodes.done : exitCodes.invalidInput
  else if (cli.stopSignal !== undefined) {
    process.stderr.write(`interrupted by ${cli.stopSignal}\n`)
    process.exitCode = cli.stopSignal === 'SIGTERM' ? exitCodes.terminated : exitCodes.interrupted
  } else {
    const verbose = process.argv.includes('--verbose')
    process.stderr.write(formatError(error, { styles: stylesFor(process.stderr, process.env), verbose }))
    process.exitCode = exitCodeOfError(error)
  }
}
