/**
 * Checks a run in a page, by the lines that `barnraise verify` has: a worker, since hashing and
 * signatures take their time. The numbers run in a compute thread, the one that trains.
 */
import { createRunFigures } from '../../history/run-figures.ts'
import { publishedEvidence } from '../../run/published-evidence.ts'
import { notTheRun, type Verification, verify } from '../../run/verify.ts'
import { webPlace } from '../../run/web-place.ts'
import type { FromChecker, ToChecker } from './check-messages.ts'
import { askThrough } from './door.ts'
import './report-rejections.ts'
import { startCompute } from './start-compute.ts'

const post = (message: FromChecker) => postMessage(message)

async function check(given: ToChecker): Promise<Verification> {
  const { door, folder, word, trusted, steps, seed, memoryBytesMax } = given
  const headers: Record<string, string> = word === null ? {} : { Authorization: `Bearer ${word}` }
  let bytes = 0
  const onBytes = (moved: number) => {
    bytes += moved
    post({ type: 'fetched', bytes })
  }
  const place = new URL(folder, door.address)
  const options = { headers, onBytes, fetch: askThrough(door) }
  const evidence = await publishedEvidence(webPlace(place, options))
  if ('reason' in evidence) return notTheRun(evidence).verification
  const compute = startCompute()
  try {
    const { verification } = await verify(evidence, {
      trusted,
      replay: steps === 0 ? null : { type: 'steps', count: steps, seed },
      compute,
      figuresOf: createRunFigures,
      limits: { threads: 1, memoryBytesMax },
      hear: (progress) => post({ type: 'progress', progress }),
    })
    return verification
  } finally {
    await compute.close()
  }
}

addEventListener('message', ({ data }: MessageEvent<ToChecker>) => {
  const started = performance.now()
  check(data).then(
    (verification) => post({ type: 'done', verification, ms: performance.now() - started }),
    (error: Error) => post({ type: 'failed', reason: error.message }),
  )
})
