import { createRenderer } from '../../../src/cli/output/create-renderer.ts'
import { begun, copied, planned, started } from '../../report/sample-events.ts'

/** A program that shows bars until it is interrupted and then exits at once, without ending them. */
const renderer = await createRenderer(process.stderr, { env: process.env })
for (const event of [started('a', 'b'), planned('a', 100), begun('a'), planned('b', 100), begun('b'), copied('a')]) renderer.event(event)
process.once('SIGINT', () => process.exit(130))
