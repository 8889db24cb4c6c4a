/** A model at work: what it writes and how it scores, against the trainer and against peft. */
import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { EMBEDDED_MODEL } from '../../node/model/base-model.ts'
import { scoreChoices, scoreText } from '../../node/text/evaluate-text.ts'
import { type ModelChoice, openTextModel } from '../../node/text/text-model.ts'
import { openTextSession, type Variant } from '../../node/text/text-session.ts'
import type { WriteOptions } from '../../node/text/write-text.ts'
import { ConfigError } from '../../protocol/errors.ts'
import { bytesOfBase64, temporaryFolder, VECTORS } from '../model/fixtures.ts'

const GREEDY = { temperature: 0, topK: 0, topP: 1 }

async function sessionOf(choice: ModelChoice) {
  const session = await openTextSession(await openTextModel(choice))
  onTestFinished(session.close)
  return session
}

/** The embedded base with the adapter that peft saved. */
async function adapted() {
  const folder = await temporaryFolder()
  const { config, weights } = VECTORS.embedded
  await writeFile(join(folder, 'adapter_config.json'), JSON.stringify(config))
  await writeFile(join(folder, 'adapter_model.safetensors'), bytesOfBase64(weights))
  return sessionOf({ model: 'embedded', adapter: folder })
}

for (const [variant, expected] of [
  ['base', VECTORS.embedded.loss],
  ['adapter', VECTORS.embedded.adapterLoss],
] as const) {
  test(`${variant}: a text has the loss that transformers and peft give it`, async () => {
    const session = await adapted()
    const { tokenizer } = session.model
    const text = tokenizer.decode([tokenizer.eosId]) + VECTORS.embedded.text
    const score = await scoreText(session, variant, [{ name: 'text', text }])
    expect(Math.abs(score.loss / expected - 1)).toBeLessThan(1e-5)
    expect(score.perplexity).toBe(Math.exp(score.loss))
    const nats = score.bitsPerByte * Math.LN2 * score.bytes
    expect(nats).toBeCloseTo(score.loss * score.tokens, 9)
  })
}

test('windows give each token but the first one target', async () => {
  const session = await sessionOf({ model: 'embedded', context: 16 })
  const { text } = VECTORS.embedded
  const tokens = session.model.tokenizer.encodeWhole(text).length
  const score = await scoreText(session, 'base', [
    { name: 'one', text },
    { name: 'two', text },
  ])
  expect(score.tokens).toBe(2 * (tokens - 1))
})

async function written(
  session: Awaited<ReturnType<typeof sessionOf>>,
  prompt: string,
  options: Partial<WriteOptions> = {},
  variant: Variant = 'base',
) {
  const pieces: string[] = []
  const ids = session.model.tokenizer.encodeWhole(prompt)
  const all = { tokensMax: 24, sampling: GREEDY, seed: 1, ...options }
  const { text } = await session.write(variant, ids, all, (piece) => pieces.push(piece))
  expect(pieces.join('')).toBe(text)
  return text
}

test('the likeliest tokens are those of the logits, one after the other', async () => {
  const session = await sessionOf({ model: 'embedded' })
  const { tokenizer } = session.model
  const prompt = 'The people of the United'
  const ids = [...tokenizer.encodeWhole(prompt)]
  const count = ids.length
  for (let i = 0; i < 8; i++) {
    const logits = await session.logits('base', Int32Array.from(ids))
    ids.push(logits.indexOf(Math.max(...logits)))
  }
  const text = await written(session, prompt, { tokensMax: 8 })
  expect(text).toBe(tokenizer.decode(ids.slice(count)))
})

test('what was read before changes nothing', async () => {
  const session = await adapted()
  const first = await written(session, 'The President')
  await written(session, 'The President of the Senate')
  await written(session, 'The President', {}, 'adapter')
  expect(await written(session, 'The President')).toBe(first)
})

test('same seed, same text; another seed, another', async () => {
  const session = await sessionOf({ model: 'embedded' })
  const sampling = { temperature: 1, topK: 0, topP: 1 }
  const [one, same, other] = [
    await written(session, 'We', { sampling, seed: 1 }),
    await written(session, 'We', { sampling, seed: 1 }),
    await written(session, 'We', { sampling, seed: 2 }),
  ]
  expect(same).toBe(one)
  expect(other).not.toBe(one)
})

test('a text longer than the context goes on', async () => {
  const session = await sessionOf({ model: 'embedded', context: 8 })
  const ids = session.model.tokenizer.encodeWhole('We the people of the United States of America')
  const options = { tokensMax: 20, sampling: GREEDY, seed: 1 }
  const { tokens } = await session.write('base', ids, options)
  expect(tokens).toBeGreaterThan(8)
})

test('a text ends where the generation config of its model ends one', async () => {
  const folder = await temporaryFolder()
  await cp(EMBEDDED_MODEL, folder, { recursive: true })
  const prompt = 'The people of the United'
  const whole = await written(await sessionOf({ model: folder }), prompt)
  const { tokenizer } = (await sessionOf({ model: folder })).model
  const end = tokenizer.encodeWhole(whole)[2]!
  const config = JSON.stringify({ eos_token_id: [tokenizer.eosId, end] })
  await writeFile(join(folder, 'generation_config.json'), config)
  const shorter = await written(await sessionOf({ model: folder }), prompt)
  expect(whole.startsWith(shorter)).toBe(true)
  expect(tokenizer.encodeWhole(shorter).length).toBeLessThanOrEqual(2)
})

test('an empty prompt begins a text', async () => {
  const session = await sessionOf({ model: 'embedded' })
  expect((await written(session, '')).length).toBeGreaterThan(0)
})

test('the likelier answer is chosen', async () => {
  const session = await sessionOf({ model: 'embedded' })
  const questions = [
    { prompt: 'The people of the United', choices: [' States', ' whales'], answer: 0 },
    { prompt: 'The Congress of the', choices: [' jumped', ' United States'], answer: 1 },
    { prompt: 'The people of the United', choices: [' States', ' whales'], answer: 1 },
  ]
  const score = await scoreChoices(session, 'base', questions)
  expect(score).toEqual({ acc: 2 / 3, accNorm: 2 / 3, questions: 3 })
})

test('a choice has the same loss to the bit, whatever was read before it', async () => {
  const prompt = 'The people of the United'
  const session = await sessionOf({ model: 'embedded' })
  const { tokenizer } = session.model
  const sequenceOf = (choice: string) => {
    const [before, ids] = [tokenizer.encodeWhole(prompt), tokenizer.encode(choice)]
    const whole = Int32Array.of(...before, ...ids)
    const targets = whole.subarray(1).map((id, i) => (i + 1 < before.length ? -1 : id))
    return { tokens: whole.subarray(0, -1), targets }
  }
  const second = sequenceOf(' States of America')
  const alone = await session.score('base', second)
  await session.score('base', sequenceOf(' States of Europe'))
  expect(await session.score('base', second)).toEqual(alone)
  await session.write('base', tokenizer.encodeWhole(prompt), {
    tokensMax: 4,
    sampling: GREEDY,
    seed: 1,
  })
  expect(await session.score('base', second)).toEqual(alone)
})

for (const [what, choice, message] of [
  ['neither run nor model', {}, /give the folder of a run/],
  ['both', { run: 'a', model: 'b' }, /give the folder of a run/],
  ['an adapter alone', { adapter: 'a' }, /give the folder of a run/],
  ['a longer context than the base has', { model: 'embedded', context: 257 }, /at most 256/],
] as [string, ModelChoice, RegExp][]) {
  test(`no model is opened for ${what}`, async () => {
    await expect(openTextModel(choice)).rejects.toThrow(message)
    await expect(openTextModel(choice)).rejects.toThrow(ConfigError)
  })
}
