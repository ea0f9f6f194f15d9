import { chromium, type Browser } from 'playwright-core'
import { findProgram } from './require-server.ts'

/** Debian's chromium, started without a network of its own and with a profile that is thrown away. */
export function startChromium(extra: readonly string[] = []): Promise<Browser> {
  return chromium.launch({
    executablePath: findProgram('chromium') ?? 'chromium',
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...extra,
    ],
  })
}
