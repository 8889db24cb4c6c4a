/** What `Try it` may fetch, by whom, and from which byte on. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { createTryFiles } from '../../node/dashboard/try-files.ts'
import type { TryPlan } from '../../node/dashboard/try-plan.ts'
import { addTryRoutes } from '../../node/dashboard/try-routes.ts'
import { createReadModel } from '../../node/history/read-model.ts'
import { EMBEDDED_MODEL } from '../../node/model/base-model.ts'
import { freshState } from '../../node/run/replay.ts'
import { readRunConfig } from '../../node/run/run-folder.ts'
import { prepareSmallRun } from '../roles/swarm.ts'

const WORD = { Authorization: 'right' }

async function site() {
  const folder = await prepareSmallRun({ base_model: 'embedded' })
  const { config, runId } = await readRunConfig(folder)
  const model = createReadModel(freshState(config, runId))
  const app = new Hono()
  const files = createTryFiles(folder, model)
  addTryRoutes(app, { files, mayTry: async (authorization) => authorization === 'right' })
  const weights = await readFile(join(EMBEDDED_MODEL, 'model.safetensors'))
  return { app, config, weights }
}

test('the plan names what the run is made of', async () => {
  const { app, config } = await site()
  const plan = (await (await app.request('/try/plan', { headers: WORD })).json()) as TryPlan
  expect(plan).toMatchObject({
    name: 'embedded',
    shape: { model: config.base.shape, adapter: config.adapter, contextMax: 256 },
    weights: config.base.weights,
  })
  const tokenizer = await readFile(join(EMBEDDED_MODEL, 'tokenizer.json'))
  const digest = createHash('sha256').update(tokenizer).digest('hex')
  expect(plan.companions['tokenizer.json']).toEqual({ digest, bytes: tokenizer.length })
  const response = await app.request(`/try/files/${digest}`, { headers: WORD })
  expect(Buffer.from(await response.arrayBuffer()).equals(tokenizer)).toBe(true)
})

for (const [what, headers, status, from] of [
  ['the whole', WORD, 200, 0],
  ['the rest of what broke', { ...WORD, Range: 'bytes=1000-' }, 206, 1000],
  ['another kind of range', { ...WORD, Range: 'bytes=0-1,5-6' }, 200, 0],
  ['more than there is', { ...WORD, Range: 'bytes=999999999-' }, 416, null],
  ['anything without the word', {}, 403, null],
] as [string, Record<string, string>, number, number | null][]) {
  test(`who asks for ${what} is answered ${status}`, async () => {
    const { app, config, weights } = await site()
    const response = await app.request(`/try/files/${config.base.weights.digest}`, { headers })
    expect(response.status).toBe(status)
    if (from === null) return
    expect(response.headers.get('Content-Length')).toBe(String(weights.length - from))
    const bytes = Buffer.from(await response.arrayBuffer())
    expect(bytes.equals(weights.subarray(from))).toBe(true)
  })
}

test('what is not for trying is not given out, though the run has it', async () => {
  const { app, config } = await site()
  const { validationShard, trainShards } = config.dataset
  const others = [validationShard.digest, trainShards[0]!.digest, '0'.repeat(64), '../x', 'x']
  for (const digest of others) {
    const response = await app.request(`/try/files/${digest}`, { headers: WORD })
    expect(response.status).toBe(404)
  }
})
