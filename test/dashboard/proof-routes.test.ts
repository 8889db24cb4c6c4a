/** A run that goes on is checked by its link: whoever may join gets what proves it, nobody else. */
import { readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { credit } from '../../node/cli/credit.ts'
import { evidenceAt } from '../../node/cli/evidence-at.ts'
import { verify } from '../../node/cli/verify.ts'
import { createProofFiles } from '../../node/dashboard/proof-files.ts'
import { folderPlace } from '../../node/run/folder-place.ts'
import { openRun } from '../../node/run/open-run.ts'
import { BLOBS_FOLDER, CONFIG_FILE, INDEX_FILE, JOURNAL_FILE } from '../../node/run/publication.ts'
import { receiptPath } from '../../node/run/receipt-path.ts'
import { readRunConfig } from '../../node/run/run-folder.ts'
import { verifyPublished } from '../../node/run/verify-run.ts'
import { hostWithPages } from '../chromium/hosted-pages.ts'
import { joinRun, prepareSmallRun, temporaryFolder } from '../roles/swarm.ts'

/** A busy machine takes long. */
const PATIENT = { timeout: 120_000, interval: 200 }
const LIMITS = { threads: 1, memory: 2 ** 30 }

function placeAt(link: string) {
  const { from, trusted } = evidenceAt(link)
  if (from.type !== 'place') throw new Error('a link leads to a place')
  return { place: from.place, trusted }
}

test('the link of a run verifies it, as far as it has come', async () => {
  const run = await prepareSmallRun({ max_steps: 8 }, { round_batches: 4 })
  const hosted = await hostWithPages(run)
  const { link, coordinator, runId } = hosted
  const [page] = hosted.pageAddresses
  const word = link.split('#')[1]!

  const before = placeAt(link)
  expect(before.trusted).toEqual({ run: runId.slice(0, 16), coordinator })
  const atStart = await verifyPublished(before.place, { trusted: before.trusted })
  expect(atStart).toMatchObject({ ok: false, rounds: 0, mismatches: [] })

  await joinRun(run, link, 'ada')
  await hosted.finished
  const replay = { type: 'share', share: 0.1, seed: 1 } as const
  for (const given of [link, `${page}#join=${word}`]) {
    const { place, trusted } = placeAt(given)
    // Between two proofs there is a rest.
    await vi.waitFor(async () => {
      const found = await verifyPublished(place, { trusted, replay })
      expect(found).toMatchObject({ ok: true, rounds: 2, runId, coordinator, replayedSteps: 2 })
      expect(found.adapterSha256).toBe(hosted.status().base)
    }, PATIENT)
  }

  const { config } = await readRunConfig(run)
  const { digest } = config.dataset.validationShard
  const asked = async (path: string, authorization: string) => {
    const headers = { Authorization: `Bearer ${authorization}` }
    return (await fetch(new URL(`proof/${path}`, page), { headers })).status
  }
  const [peer = ''] = hosted.status().participants.map((participant) => participant.peer)
  expect([
    await asked('publication.json', word),
    await asked('publication.json', 'another'),
    await asked(`blobs/${digest.slice(0, 2)}/${digest}`, word),
    await asked(receiptPath(peer), word),
    await asked(receiptPath(peer), 'another'),
    await asked(receiptPath(coordinator), word),
  ]).toEqual([200, 403, 404, 200, 403, 404])
})

test('its proof ends before work that may yet be repeated', async () => {
  const run = await prepareSmallRun({ max_steps: 8 }, { round_batches: 4 })
  const hosted = await hostWithPages(run)
  await joinRun(run, hosted.link, 'ada')
  await hosted.finished
  await hosted.stop()
  const [first, second] = (await openRun(run)).state.history
  const files = createProofFiles(run, {
    run: { seq: 1 },
    statedOf: () => null,
    unsettledLeases: () => new Set([second!.contributions.at(-1)!.leaseId]),
    isUnsettledManifest: (digest) => digest === second!.manifest.digest,
  })
  expect(await files.find(first!.manifest.digest)).not.toBeNull()
  expect(await files.find(second!.manifest.digest)).toBeNull()
  const place = await temporaryFolder()
  await writeFile(join(place, INDEX_FILE), await files.index())
  await writeFile(join(place, CONFIG_FILE), await files.config())
  await writeFile(join(place, JOURNAL_FILE), await files.journal())
  await symlink(run.blobs, join(place, BLOBS_FOLDER))
  // What is there is whole, as far as it goes.
  const found = await verifyPublished(folderPlace(place))
  expect(found).toMatchObject({ rounds: 1, mismatches: [], coordinator: hosted.coordinator })
})

test('the link of a run gives a receipt, and none to whose work was taken back', async () => {
  const run = await prepareSmallRun({ max_steps: 8 }, { round_batches: 4 })
  const hosted = await hostWithPages(run)
  const { link, coordinator, runId } = hosted
  await joinRun(run, link, 'ada')
  await hosted.finished
  const said = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  onTestFinished(() => said.mockRestore())
  const folder = await temporaryFolder()
  const write = (receipt: string) =>
    credit(link, { peer: 'ada', receipt: join(folder, receipt), json: true })
  await write('first')
  await verify(join(folder, 'first'), { run: runId, coordinator, json: true, ...LIMITS })
  const [counted, verified] = said.mock.calls.map(([line]) => JSON.parse(String(line)))
  const [{ peer, ...done }] = counted.volunteers
  expect(counted.receipt).toBe((await readFile(join(folder, 'first'), 'utf8')).trimEnd())
  expect(verified).toMatchObject({ ok: true, claimed: { peer, ...done, rounds: 2 } })
  expect(done).toMatchObject({ name: 'ada', batches: 8 })
  await hosted.order({ type: 'kicked', peer, reason: 'wrong numbers' })
  await expect(write('second')).rejects.toThrow('Cannot write a receipt')
  await expect(stat(join(folder, 'second'))).rejects.toThrow('ENOENT')
})
