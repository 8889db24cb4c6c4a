/** The vectors of make-preferences.py as values: losses of preference as trl computes them. */
import { readFileSync } from 'node:fs'
import type { Preference } from '../../kernels/preference.ts'
import type { AdapterShape } from '../../kernels/shape.ts'
import type { JobShape } from '../../kernels/train-step.ts'
import { floats, llamaVectors } from './llama-vectors.ts'

interface Stored {
  answers: { ids: number[]; prompt: number }[]
  desirable: boolean[]
  adapterShape: AdapterShape
  adapter: string
  cases: {
    preference: Preference
    loss: number
    right: number
    margin: number
    gradients: string
  }[]
}

const path = new URL('../vectors/preferences.json', import.meta.url)
const file: Stored = JSON.parse(readFileSync(path, 'utf8'))
const { job, weights } = llamaVectors('llama-tied')
const S = job.sequenceLength

export const PREFERENCE_CASES = file.cases.map(({ preference, gradients, ...of }) => ({
  name: Object.values(preference).join(' '),
  job: { ...job, adapter: file.adapterShape, preference } satisfies JobShape,
  weights,
  adapter: floats(file.adapter),
  gradients: floats(gradients),
  batch: batchOf(preference.loss === 'kto'),
  ...of,
}))

/** A sequence for each pair; chosen and rejected are neighbours in it, and padding follows. */
function batchOf(isRated: boolean) {
  const sequences = file.answers.length / 2
  const tokens = new Int32Array(sequences * S)
  const targets = new Int32Array(sequences * S).fill(-1)
  const starts: number[] = []
  const rejected: number[] = []
  let at = 0
  for (const [answer, { ids, prompt }] of file.answers.entries()) {
    if (answer % 2 === 0) at = (answer / 2) * S
    starts.push(at)
    const isChosen = isRated ? file.desirable[answer]! : answer % 2 === 0
    if (!isChosen) rejected.push(at)
    tokens.set(ids, at)
    for (let i = prompt; i < ids.length; i++) targets[at + i - 1] = ids[i]!
    at += ids.length
    if (answer % 2 === 1) starts.push(at)
  }
  return { tokens, targets, starts: Int32Array.from(starts), rejected: Int32Array.from(rejected) }
}
