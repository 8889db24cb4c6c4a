/** A run goes on as itself, or not at all: what is gone of it is named, and nothing replaces it. */
import { existsSync } from 'node:fs'
import { cp, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type RunFolder, runFolder } from '../../node/run/run-folder.ts'
import { verifyRun } from '../../node/run/verify-run.ts'
import { ConfigError } from '../../protocol/errors.ts'
import { hostRun, joinRun, prepareSmallRun, temporaryFolder } from './swarm.ts'

/** A finished run of one round. */
async function finishedRun(): Promise<RunFolder> {
  const run = await prepareSmallRun({ max_steps: 8 })
  const hosted = await hostRun(run)
  await joinRun(run, hosted.link, 'ada')
  await hosted.finished
  await hosted.stop()
  return run
}

async function copyOf(run: RunFolder, ...gone: (keyof RunFolder)[]): Promise<RunFolder> {
  const copy = runFolder(join(await temporaryFolder(), 'run'))
  await cp(run.root, copy.root, { recursive: true })
  for (const file of gone) await rm(copy[file])
  return copy
}

test('a run that lost its key or its journal does not go on, and is what it was', async () => {
  const run = await finishedRun()
  const coordinator = (await readFile(run.coordinator, 'utf8')).trim()

  const keyless = await copyOf(run, 'identity', 'token', 'coinKey')
  const refused = hostRun(keyless)
  await expect(refused).rejects.toThrow(ConfigError)
  await expect(refused).rejects.toThrow(`signed by ${coordinator}`)
  await expect(refused).rejects.toThrow('identity restore')
  for (const file of [keyless.identity, keyless.token, keyless.coinKey]) {
    expect(existsSync(file), file).toBe(false)
  }
  expect((await verifyRun(keyless)).mismatches).toEqual([])

  const other = await copyOf(run, 'identity')
  await cp((await prepareAnother()).identity, other.identity)
  await expect(hostRun(other)).rejects.toThrow(`signed by ${coordinator}`)

  const nameless = await copyOf(run, 'identity', 'coordinator')
  await expect(hostRun(nameless)).rejects.toThrow('signed by somebody else')

  const forgetful = await copyOf(run, 'journal')
  await expect(hostRun(forgetful)).rejects.toThrow(`${forgetful.journal} is gone`)
  expect(existsSync(forgetful.journal)).toBe(false)

  const warned: string[] = []
  const log = { debug() {}, info() {}, warn: (text: string) => warned.push(text), error() {} }
  const uncoined = await hostRun(await copyOf(run, 'coinKey'), { log })
  onTestFinished(() => uncoined.stop())
  expect(warned.join()).toContain('coin.key was missing')
})

/** A run that was hosted, by a key of its own. */
async function prepareAnother(): Promise<RunFolder> {
  const run = await prepareSmallRun()
  const hosted = await hostRun(run)
  await hosted.stop()
  return run
}
