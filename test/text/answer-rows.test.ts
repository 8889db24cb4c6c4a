/** Rows that nobody wants any more are not begun, and bring no adapter. */
import { expect, test } from 'vitest'
import type { Compute } from '../../node/compute/compute.ts'
import type { AskedRows } from '../../node/dataset/scored-rows.ts'
import { answerRows } from '../../node/text/answer-rows.ts'

const QUESTION = { prompt: [1], choices: [2, 3].map((id) => ({ ids: [id], bytes: 1 })) }

for (const [what, asked] of [
  ['question', { questions: [QUESTION], prompts: [] }],
  ['prompt', { questions: [], prompts: [{ prompt: [1] }] }],
] as const) {
  test(`a ${what} that was given up before it begins leaves the adapter alone`, async () => {
    const ran: string[] = []
    const compute = { run: async (name: string) => void ran.push(name) } as unknown as Compute
    const rows = { ...asked, tokensMax: 1, stopIds: [] } as unknown as AskedRows
    const check = () => {
      throw new Error('it was given up')
    }
    const world = { compute, contextMax: 8, adapter: new Float32Array(1), check }
    await expect(answerRows(rows, { first: 0, rows: 1 }, world)).rejects.toThrow('given up')
    expect(ran).toEqual([])
  })
}
