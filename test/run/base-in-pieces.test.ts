/** Whoever trains again reads the base from its file, since it may be larger than memory. */
import { appendFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { startCompute } from '../../node/compute/start-compute.ts'
import type { Evidence } from '../../node/run/evidence.ts'
import { folderEvidence } from '../../node/run/folder-evidence.ts'
import { folderPlace } from '../../node/run/folder-place.ts'
import { publishedEvidence } from '../../node/run/published-evidence.ts'
import { verify } from '../../node/run/verify.ts'
import { decodeRunConfig } from '../../protocol/index.ts'
import { publishSmallRun } from './published-run.ts'

test('a base is never asked for as a whole, and a damaged one is found', async () => {
  const { run, folder, runId } = await publishSmallRun()
  const compute = startCompute()
  const replayed = (evidence: Evidence) =>
    verify(evidence, {
      trusted: { run: runId, coordinator: null },
      replay: { type: 'share', share: 1, seed: 1 },
      figuresOf: null,
      compute,
      limits: { threads: 1, memoryBytesMax: 2 ** 30 },
      hear: () => {},
    })
  for (const open of [() => folderEvidence(run), () => publishedEvidence(folderPlace(folder))]) {
    const evidence = (await open()) as Evidence
    const { digest } = decodeRunConfig(evidence.runConfig).base.weights
    const read = evidence.blobs.read
    evidence.blobs.read = (asked, bytesMax) =>
      asked === digest ? Promise.reject(new Error('as a whole')) : read(asked, bytesMax)
    const { verification } = await replayed(evidence)
    expect(verification).toMatchObject({ ok: true, replayedSteps: 8, mismatches: [] })
    await appendFile((await evidence.blobs.file!(digest)) as string, 'x')
    const { mismatches } = (await replayed((await open()) as Evidence)).verification
    expect(mismatches.length).toBeGreaterThan(0)
    expect(JSON.stringify(mismatches)).toContain(digest)
  }
  await compute.close()
})
