/** The browsers of `npm run test:browsers`, and what a volunteer's tab is given there. */
import { FIREFOX } from './firefox.ts'
import { WEBKIT, WEBKIT_SHARING } from './webkit.ts'

export const BROWSERS = [
  { browser: FIREFOX, sharesMemory: true, keepsFiles: true },
  { browser: WEBKIT, sharesMemory: false, keepsFiles: false },
  { browser: WEBKIT_SHARING, sharesMemory: true, keepsFiles: false },
] as const
