/** A service's log that launchd only appends to, kept small by the service. */
import { spawnSync } from 'node:child_process'
import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { boundLog, LOG_BYTES_MAX, LOG_VARIABLE } from '../../node/guest/bounded-log.ts'
import { temporaryFolder } from '../roles/swarm.ts'

const MAIN = fileURLToPath(new URL('../../node/main.ts', import.meta.url))
const LINE = 'a line of nineteen.\n'

/** A file that is held open for appending, as launchd holds it. */
async function openLog() {
  const path = join(await temporaryFolder(), 'x.log')
  const held = openSync(path, 'a')
  onTestFinished(() => closeSync(held))
  return { path, held, said: () => readFileSync(path, 'utf8') }
}

test('what is longer than the bound is moved to one older file, again and again', async () => {
  const { path, held, said } = await openLog()
  writeSync(held, 'the first\n')
  boundLog(path, () => {}, { bytesMax: 2 * LINE.length, everyMs: 5 })
  // What is within the bound stays.
  expect(said()).toBe('the first\n')
  for (const last of ['one\n', 'two\n']) {
    writeSync(held, `${LINE.repeat(5)}${last}`)
    await expect.poll(said).toBe('')
    const older = readFileSync(`${path}.1`, 'utf8')
    expect(older).toHaveLength(2 * LINE.length)
    expect(older.endsWith(last)).toBe(true)
  }
  writeSync(held, 'the last\n')
  expect(said()).toBe('the last\n')
  expect(readdirSync(dirname(path)).toSorted()).toEqual(['x.log', 'x.log.1'])
})

test('that a log cannot be kept small is said once', async () => {
  const { path } = await openLog()
  rmSync(path)
  const said: string[] = []
  boundLog(path, (line) => said.push(line), { everyMs: 1 })
  expect(said).toEqual([expect.stringContaining(`${path} is not kept small any more: ENOENT`)])
})

test('a service that launchd starts keeps its log small', async () => {
  const { path, held, said } = await openLog()
  writeSync(held, LINE.repeat(Math.ceil(LOG_BYTES_MAX / LINE.length) + 1))
  const { status } = spawnSync(process.execPath, [...process.execArgv, MAIN, 'no-such-command'], {
    stdio: ['ignore', 'ignore', held],
    env: { ...process.env, [LOG_VARIABLE]: path },
  })
  expect(status).toBe(2)
  expect(said()).toContain("unknown command 'no-such-command'")
  expect(said()).not.toContain(LINE)
  expect(statSync(`${path}.1`).size).toBe(LOG_BYTES_MAX)
})
