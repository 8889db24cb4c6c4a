/** A browser computes the bits that Node does, with threads and without. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { GOLDEN_JOBS } from '../engines/golden-jobs.ts'
import { openPage, useBrowser } from './browser.ts'
import type { DigestsRequest } from './digests-worker.ts'
import { digestResources, startSite } from './site.ts'

const read = (name: string): Record<string, string> =>
  JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), 'utf8'))
const OPS = read('ops')
const JOBS = read('jobs')
const SMALL = GOLDEN_JOBS.filter(({ name }) => name.startsWith('embedded')).map(({ name }) => name)
const ALL = GOLDEN_JOBS.map(({ name }) => name)

useBrowser()
const resources = await digestResources()

for (const [what, request, isIsolated] of [
  ['every op and job, in a page that is not isolated', { ops: true, jobs: ALL, threads: 1 }, false],
  ['long jobs, two threads', { ops: false, jobs: SMALL, threads: 2 }, true],
  ['long jobs, four threads', { ops: false, jobs: SMALL, threads: 4 }, true],
] as [string, DigestsRequest, boolean][]) {
  test(what, async () => {
    const page = await openPage(await startSite(resources, isIsolated))
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(isIsolated)
    const digests = await page.evaluate(
      (asked) =>
        new Promise((resolve, reject) => {
          const worker = new Worker('/digests-worker.js', { type: 'module' })
          worker.onmessage = ({ data }) =>
            data === 'ready' ? worker.postMessage(asked) : resolve(data)
          worker.onerror = ({ message }) => reject(new Error(message))
        }),
      request,
    )
    const jobs = Object.entries(JOBS).filter(([name]) => request.jobs.includes(name))
    expect(digests).toEqual({ ...(request.ops && OPS), ...Object.fromEntries(jobs) })
  })
}
