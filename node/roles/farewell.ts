/** How a coordinator leaves: those who are here hear first that the run has ended. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { RunRow } from '../history/rows.ts'

/** Peers get this long to read why they have to go, or that a role ends; so do pages. */
export const FAREWELL_MS = 1_000

/** A volunteer on a busy machine gets this long. */
const FAREWELL_MS_MAX = 15_000
const LOOK_MS = 100

/**
 * Waits, at the end of a run, until everyone who is here is gone: whoever hears of the end goes.
 * Who stops in the middle is waited for by nobody.
 */
export async function farewell(run: Readonly<Pick<RunRow, 'phase' | 'hereCount'>>): Promise<void> {
  await sleep(FAREWELL_MS)
  for (let waited = FAREWELL_MS; waited < FAREWELL_MS_MAX; waited += LOOK_MS) {
    if (run.phase !== 'finished' || run.hereCount === 0) return
    await sleep(LOOK_MS)
  }
}
