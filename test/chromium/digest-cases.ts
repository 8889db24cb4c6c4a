/** The bits that a browser has to compute, and how a page is asked for them. */
import { readFileSync } from 'node:fs'
import { GOLDEN_JOBS } from '../engines/golden-jobs.ts'
import type { DigestsRequest } from './digests-worker.ts'

const read = (name: string): Record<string, string> =>
  JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), 'utf8'))
const OPS = read('ops')
const JOBS = read('jobs')
const SMALL = GOLDEN_JOBS.filter(({ name }) => name.startsWith('embedded')).map(({ name }) => name)
const ALL = GOLDEN_JOBS.map(({ name }) => name)

interface DigestCase {
  what: string
  request: DigestsRequest
  isIsolated: boolean
}

export const DIGEST_CASES: readonly DigestCase[] = [
  {
    what: 'every op and job, in a page that is not isolated',
    request: { ops: true, jobs: ALL, threads: 1 },
    isIsolated: false,
  },
  {
    what: 'long jobs, two threads',
    request: { ops: false, jobs: SMALL, threads: 2 },
    isIsolated: true,
  },
  {
    what: 'long jobs, four threads',
    request: { ops: false, jobs: SMALL, threads: 4 },
    isIsolated: true,
  },
]

export function frozenDigests({ ops, jobs }: DigestsRequest): Record<string, string> {
  const chosen = Object.entries(JOBS).filter(([name]) => jobs.includes(name))
  return { ...(ops && OPS), ...Object.fromEntries(chosen) }
}

/** Runs in the page, and sees nothing but what is asked. */
export function digestsInWorker(asked: DigestsRequest): Promise<Record<string, string>> {
  return new Promise((resolve, reject) => {
    const worker = new Worker('/digests-worker.js', { type: 'module' })
    worker.onmessage = ({ data }) => (data === 'ready' ? worker.postMessage(asked) : resolve(data))
    worker.onerror = ({ message }) => reject(new Error(message))
  })
}
