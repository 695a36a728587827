/** Debian's Chromium without a window, in a profile of its own that is gone afterwards. */
import { accessSync, constants } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const PROGRAM = '/usr/bin/chromium'

/** Why there is none; undefined where there is one. */
export const lacking = (): string | undefined => {
  try {
    accessSync(PROGRAM, constants.X_OK)
    return undefined
  } catch {
    return 'no Chromium here: apt-get install chromium'
  }
}

/** It asks nobody for anything by itself. Its sandbox wants user namespaces, which root in a container may not have. */
export const openChromium = (): Promise<Browser> =>
  chromium.launch({
    executablePath: PROGRAM,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
