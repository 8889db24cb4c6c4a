/** A run of the embedded base that scores its adapters, against scores of the export's own code. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createProofFiles } from '../../node/dashboard/proof-files.ts'
import { SCORES_FILE } from '../../node/history/metrics-log.ts'
import { folderPlace } from '../../node/run/folder-place.ts'
import { openRun } from '../../node/run/open-run.ts'
import { publishRun } from '../../node/run/publish.ts'
import type { RunFolder } from '../../node/run/run-folder.ts'
import { verifyPublished } from '../../node/run/verify-run.ts'
import { blobPath } from '../../node/storage/blob-path.ts'
import { scoreChoices } from '../../node/text/evaluate-text.ts'
import { openTextModel } from '../../node/text/text-model.ts'
import { openTextSession, type TextSession, type Variant } from '../../node/text/text-session.ts'
import { PROMPTS, prepareHomes, QUESTIONS } from './homes.ts'
import { hostRun, joinRun, temporaryFolder } from './swarm.ts'

/** The same, as `eval` and `generate` have it. */
async function scoredBy(session: TextSession, variant: Variant) {
  const { acc, accNorm } = await scoreChoices(session, variant, QUESTIONS)
  let right = 0
  for (const { prompt, answer } of PROMPTS) {
    const ids = session.model.tokenizer.encodeWhole(prompt)
    const how = { tokensMax: 4, sampling: { temperature: 0, topK: 0, topP: 1 }, seed: 1 }
    const { text } = await session.write(variant, ids, how)
    if (/^ *([a-z]+)/.exec(text)?.[1] === answer) right += 1
  }
  return { acc, accNorm, exactMatch: right / PROMPTS.length }
}

/** What the run is scored on is given out by nobody, and published only where it is asked for. */
async function expectKept(run: RunFolder): Promise<void> {
  const { config } = await openRun(run)
  const { digest } = config.scoring!.rows
  const model = {
    run: { seq: 1 },
    statedOf: () => null,
    unsettledLeases: () => new Set<number>(),
    isUnsettledManifest: () => false,
  }
  const { find } = createProofFiles(run, model)
  expect(await find(config.dataset.trainShards[0]!.digest)).not.toBeNull()
  expect(await find(digest)).toBeNull()
  for (const withHeldOut of [false, true]) {
    const out = join(await temporaryFolder(), 'published')
    await publishRun(run, { out, withHeldOut, page: new Map(), hear: () => {} })
    expect(existsSync(join(out, 'blobs', blobPath(digest)))).toBe(withHeldOut)
    const { ok, mismatches, notChecked } = await verifyPublished(folderPlace(out))
    expect([ok, mismatches]).toEqual([true, []])
    const gap = 'the held-out text: it was not published'
    expect(notChecked.includes(gap)).toBe(!withHeldOut)
  }
}

test('scores rise with what is learned, are those of each adapter, and in the log', async () => {
  const run = await prepareHomes()
  const hosted = await hostRun(run)
  await joinRun(run, hosted.link, 'ada')
  await hosted.finished
  const { scores = [], metric } = hosted.status()
  await hosted.stop()

  expect(metric).toBe('acc')
  const facts = hosted.facts.flatMap((fact) => (fact.type === 'scored' ? [fact] : []))
  expect(facts.map(({ type: _, ...each }) => each)).toEqual(scores)
  const { state } = await openRun(run)
  expect(state.scores).toEqual(scores)
  // Of a slow machine the middle one may be missing; it is counted then.
  const rounds = scores.map(({ round }) => round)
  expect([rounds[0], rounds.at(-1)]).toEqual([0, 3])
  expect(rounds.includes(2) ? 0 : 1).toBe(state.scoresMissing)
  const written = (await readFile(join(run.root, SCORES_FILE), 'utf8')).trim().split('\n')
  expect(written.map((line) => JSON.parse(line))).toMatchObject(scores)

  await expectKept(run)
  const [first, last] = [scores[0]!, scores.at(-1)!]
  expect(last.acc).toBeGreaterThan(first.acc!)
  expect(last.exactMatch).toBeGreaterThan(first.exactMatch!)
  const session = await openTextSession(await openTextModel({ run: run.root, round: 3 }))
  try {
    expect({ round: 0, ...(await scoredBy(session, 'base')) }).toEqual(first)
    expect({ round: 3, ...(await scoredBy(session, 'adapter')) }).toEqual(last)
  } finally {
    await session.close()
  }
})

test('volunteers that score come to the scores of the host alone', async () => {
  const ended = async (also: string) => {
    // The host needs longer for them than a volunteer for a lease.
    const run = await prepareHomes(also, { times: 6, tokens: 32 })
    const hosted = await hostRun(run)
    await Promise.all([joinRun(run, hosted.link, 'ada'), joinRun(run, hosted.link, 'bo')])
    await hosted.finished
    await hosted.stop()
    const { scores, records, auditCounts } = (await openRun(run)).state
    expect(auditCounts.mismatches).toBe(0)
    const known = [...records.values()]
    const scored = known.reduce((sum, { works, credit }) => sum + works - credit.contributions, 0)
    return { scored, last: scores.at(-1), first: scores[0] }
  }
  const { scored: none, ...alone } = await ended('')
  const { scored, ...together } = await ended('eval_spread: true\n')
  expect(together).toEqual(alone)
  expect([none, scored > 0]).toEqual([0, true])
})
