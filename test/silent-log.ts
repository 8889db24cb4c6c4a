/** Takes what must be logged somewhere, in tests that do not read it. */
import { createLog } from '../node/log.ts'

export const silentLog = createLog('error', () => {})
