/** A run whose base comes from mirrors; the coordinator gives what they do not. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createLog } from '../../node/log.ts'
import { type RunFolder, readRunConfig } from '../../node/run/run-folder.ts'
import { verifyRun } from '../../node/run/verify-run.ts'
import { hostedMirrors } from '../../node/setup/hosted-mirrors.ts'
import { runFolderOf } from '../../node/setup/run-folder-of.ts'
import { blobPath } from '../../node/storage/blob-path.ts'
import { BLOB_CHUNK_BYTES } from '../../protocol/limits.ts'
import { type MirrorFault, mirrorServer } from '../network/mirror-server.ts'
import { hostRun, joinRun, prepareSmallRun, runYaml, smallText, temporaryFolder } from './swarm.ts'

async function baseOf(run: RunFolder): Promise<{ bytes: Uint8Array; digest: string }> {
  const { digest } = (await readRunConfig(run)).config.base.weights
  return { bytes: await readFile(join(run.blobs, blobPath(digest))), digest }
}

/** A busy machine takes its time. */
const PATIENT = { timeout: 60_000 }
const SWARM = { round_batches: 8 }

test('three volunteers train, and the coordinator sends none of the base', async () => {
  const run = await prepareSmallRun({ max_steps: 64 }, SWARM)
  const { bytes, digest } = await baseOf(run)
  const mirror = await mirrorServer(bytes, { cutAfter: BLOB_CHUNK_BYTES })
  const hosted = await hostRun(run, { mirrors: [mirror.url] })
  const moved = new Map<string, number>()
  for (const name of ['ada', 'ben', 'cleo']) {
    await joinRun(run, hosted.link, name, {
      onTransfer: ({ what, moved: more }) => {
        if (what === 'base model') moved.set(name, (moved.get(name) ?? 0) + more)
      },
    })
  }
  await expect.poll(() => [...moved.values()], PATIENT).toEqual(Array(3).fill(bytes.length))
  await hosted.finished
  expect(hosted.dashboard.run.baseBytesSent).toBe(0)
  await hosted.stop()
  expect(mirror.asked.every((one) => one.startsWith(digest))).toBe(true)
  // One connection broke, and the rest of it was asked for.
  expect(mirror.asked.filter((one) => one.includes('bytes='))).toHaveLength(1)
  expect(await verifyRun(run)).toMatchObject({ ok: true })
})

for (const [what, fault, follows, sentChunks, said] of [
  ['has half of it', { endsAfter: BLOB_CHUNK_BYTES }, true, -1, /does not give the base/],
  ['is without it', { status: 404 }, true, 0, /answers 404/],
  ['is not to be asked', null, false, 0, null],
] as [string, MirrorFault | null, boolean, number, RegExp | null][]) {
  test(`where a mirror ${what}, the coordinator gives the rest`, async () => {
    const run = await prepareSmallRun({ max_steps: 8 }, SWARM)
    const { bytes } = await baseOf(run)
    const mirror = await mirrorServer(bytes, ...(fault === null ? [] : [fault]))
    const hosted = await hostRun(run, { mirrors: [mirror.url] })
    const lines: string[] = []
    const volunteer = await joinRun(run, hosted.link, 'ada', {
      followsMirrors: follows,
      log: createLog('warn', (line) => lines.push(line)),
    })
    await hosted.finished
    await volunteer.exited
    const rest = bytes.length + sentChunks * BLOB_CHUNK_BYTES
    expect(hosted.dashboard.run.baseBytesSent).toBe(rest)
    expect(mirror.asked.length > 0).toBe(follows)
    const complaints = lines.filter((line) => line.includes('the base'))
    if (said === null) expect(complaints).toEqual([])
    else expect(complaints).toEqual([expect.stringMatching(said)])
  })
}

test('a base that is more than may be moved in a day is fetched from nowhere', async () => {
  const run = await prepareSmallRun({ max_steps: 8 }, SWARM)
  const { bytes } = await baseOf(run)
  const mirror = await mirrorServer(bytes)
  const hosted = await hostRun(run, { mirrors: [mirror.url] })
  const options = { mirrors: [mirror.url], dataBytesMax: bytes.length - 1 }
  const volunteer = await joinRun(run, hosted.link, 'ada', options)
  expect(await volunteer.exited).toMatchObject({ outcome: 'failed' })
  expect([mirror.asked, hosted.dashboard.run.baseBytesSent]).toEqual([[], 0])
})

test('a pause ends a transfer from a mirror, and the next try goes on', async () => {
  const run = await prepareSmallRun({ max_steps: 8 }, SWARM)
  const { bytes, digest } = await baseOf(run)
  const hanging = await mirrorServer(bytes, { hangsAfter: BLOB_CHUNK_BYTES })
  const sound = await mirrorServer(bytes)
  const hosted = await hostRun(run)
  const begun = Promise.withResolvers<void>()
  const volunteer = await joinRun(run, hosted.link, 'ada', {
    mirrors: [hanging.url, sound.url],
    onTransfer: () => begun.resolve(),
  })
  await begun.promise
  volunteer.pause('its owner asks')
  await expect.poll(() => volunteer.activity(), PATIENT).toBe('paused')
  expect(sound.asked).toEqual([])
  await volunteer.stop()
  await joinRun(run, hosted.link, 'ada', { mirrors: [sound.url] })
  await hosted.finished
  expect(sound.asked).toEqual([`${digest} bytes=${BLOB_CHUNK_BYTES}-`])
  expect(hosted.dashboard.run.baseBytesSent).toBe(0)
})

test('a run that is hosted again has the mirrors that its run.yaml names now', async () => {
  const folder = await temporaryFolder()
  const yaml = join(folder, 'run.yaml')
  await writeFile(join(folder, 'text.txt'), smallText())
  const prepared = async (mirrors: string) => {
    await writeFile(yaml, `${runYaml()}${mirrors}`)
    const { folder: run } = await runFolderOf(yaml, { out: null, hub: null, say: () => {} })
    return hostedMirrors(run, expect.unreachable)
  }
  expect(await prepared('')).toEqual([])
  expect(await prepared('base_mirrors: [https://a.example/x]\n')).toEqual(['https://a.example/x'])
  expect(await prepared('base_mirrors: [https://b.example]\n')).toEqual(['https://b.example'])
})

test('a folder whose run.yaml is gone has none, and says so', async () => {
  const run = await prepareSmallRun()
  await writeFile(run.yaml, 'name: [')
  const said: string[] = []
  expect(await hostedMirrors(run, (text) => said.push(text))).toEqual([])
  expect(said).toEqual([expect.stringContaining('Volunteers are told of no mirrors')])
})
