/** The browsers of `npm run test:browsers`, and what a volunteer's tab is given there. */
import type { DrivenBrowser } from './driver.ts'
import { FIREFOX } from './firefox.ts'
import { WEBKIT, WEBKIT_SHARING } from './webkit.ts'

interface Row {
  browser: DrivenBrowser
  /** Numbers of threads with which it does the golden jobs. */
  threads: readonly number[]
  sharesMemory: boolean
  keepsFiles: boolean
}

export const BROWSERS: readonly Row[] = [
  { browser: FIREFOX, threads: [1, 2, 4], sharesMemory: true, keepsFiles: true },
  { browser: WEBKIT, threads: [1], sharesMemory: false, keepsFiles: false },
  { browser: WEBKIT_SHARING, threads: [2, 4], sharesMemory: true, keepsFiles: false },
]
