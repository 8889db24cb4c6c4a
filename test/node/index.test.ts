/** What a program does with a run, from host to export. */
import { existsSync } from 'node:fs'
import { readdir, writeFile } from 'node:fs/promises'
import { join as joinPath } from 'node:path'
import { expect, test } from 'vitest'
import { exportRun, host, join, type VerifyProgress, verify } from '../../node/index.ts'
import { runYaml, smallText, temporaryFolder } from '../roles/swarm.ts'

async function yamlIn(folder: string): Promise<string> {
  const yaml = joinPath(folder, 'run.yaml')
  await writeFile(yaml, runYaml({ max_steps: 4 }, { round_batches: 4 }))
  await writeFile(joinPath(folder, 'text.txt'), smallText())
  return yaml
}

test('a run is hosted, joined, verified and exported by a program', async () => {
  const folder = await temporaryFolder()
  const out = joinPath(folder, 'run')
  const facts: string[] = []
  const onProgress = ({ type }: { type: string }) => facts.push(type)
  const run = await host(await yamlIn(folder), { out, onProgress })
  let steps = 0
  const onStep = () => {
    steps += 1
  }
  const ada = await join(run.link, { folder: joinPath(folder, 'ada'), name: 'Ada', onStep })
  expect(ada.outcome).toBe('finished')
  expect(await run.ended).toBe('finished')
  expect(steps).toBe(4)
  expect(facts).toContain('evaluated')
  const { runId, coordinator } = run
  const verified = await verify(out, { run: runId, coordinator })
  expect(verified.mismatches).toEqual([])
  expect(verified.ok).toBe(true)
  const exported = await exportRun(out, { format: 'peft' })
  expect(existsSync(exported.path)).toBe(true)
  const other = await verify(out, { run: '0'.repeat(64), coordinator })
  expect(other.ok).toBe(false)

  const stopped = async (work: (signal: AbortSignal, stop: () => void) => Promise<unknown>) => {
    const controller = new AbortController()
    await expect(work(controller.signal, () => controller.abort())).rejects.toThrow('aborted')
  }
  await stopped((signal, stop) => {
    stop()
    return verify(out, { signal })
  })
  let heard = 0
  await stopped((signal, stop) => {
    const stopAtEntry = () => {
      heard += 1
      stop()
    }
    return verify(out, { signal, onProgress: stopAtEntry })
  })
  expect(heard).toBe(1)
  const replayed: number[] = []
  await stopped((signal, stop) => {
    const stopAtStep = (progress: VerifyProgress) => {
      if (progress.type !== 'checking') return
      replayed.push(progress.replayedSteps)
      if (progress.replayedSteps > 0) stop()
    }
    const replay = { type: 'share', share: 1, seed: 1 } as const
    return verify(out, { signal, replay, onProgress: stopAtStep })
  })
  expect(Math.max(...replayed)).toBe(1)
  for (const format of ['gguf-lora', 'merged', 'merged-gguf'] as const) {
    const target = joinPath(folder, format)
    await stopped((signal, stop) =>
      exportRun(out, { format, out: target, signal: soon(signal, stop) }),
    )
    expect((await readdir(target)).join()).not.toMatch(/\.(part|gguf|safetensors)/)
  }
})

/** The signal, aborted when it is asked often enough that a file has been begun. */
function soon(signal: AbortSignal, stop: () => void): AbortSignal {
  let left = 3
  signal.throwIfAborted = () => {
    left -= 1
    if (left < 0) stop()
    AbortSignal.prototype.throwIfAborted.call(signal)
  }
  return signal
}

test('a signal ends a volunteer and a host; the same call goes on', async () => {
  const folder = await temporaryFolder()
  const yaml = await yamlIn(folder)
  const out = joinPath(folder, 'run')
  const stop = new AbortController()
  const run = await host(yaml, { out, signal: stop.signal })
  const leave = new AbortController()
  const onStep = () => leave.abort()
  const home = joinPath(folder, 'ada')
  const ada = await join(run.link, { folder: home, signal: leave.signal, onStep })
  expect(ada.outcome).toBe('left')
  stop.abort()
  expect(await run.ended).toBe('stopped')
  await expect(host(yaml, { out, signal: stop.signal })).rejects.toThrow('aborted')
  const again = await host(out)
  expect(again.runId).toBe(run.runId)
  expect((await join(again.link, { folder: home })).outcome).toBe('finished')
  expect(await again.ended).toBe('finished')
})
