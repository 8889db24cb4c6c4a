/** A sweep in a folder: only what is missing is simulated, and the tables are those of one go. */
import { appendFile, mkdtemp, readFile, rm, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parquetReadObjects } from 'hyparquet'
import { expect, onTestFinished, test } from 'vitest'
import { sweep } from '../../node/cli/simulate-sweep.ts'
import { createScreen } from '../../node/cli/terminal.ts'

const REQUEST = {
  seed: 1,
  preset: 'browser-tabs',
  trace: null,
  config: null,
  volunteers: 4,
  days: 0.01,
  set: ['round.graceSeconds=30'],
  swarm: false,
}

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'barnraise-test-'))
  onTestFinished(() => rm(made, { recursive: true, force: true }))
  return made
}

/** What it said, line by line. */
async function swept(out: string, changes: object = {}, request = REQUEST): Promise<string[]> {
  const lines: string[] = []
  const print = { line: (text: string) => lines.push(text) } as never
  const asked = { sweep: ['round.seconds=60,120'], seeds: 2, jobs: '2', out, print, ...changes }
  await sweep(asked, request, createScreen({ isTTY: false, write: () => true } as never))
  return lines
}

const table = (out: string) => readFile(join(out, 'sweep.csv'), 'utf8')

test('a sweep that was broken off goes on, to the table of one in one go', async () => {
  const [whole, broken] = [await folder(), await folder()]
  expect((await swept(whole))[0]).toBe('4 simulations, of which 0 are there already')
  await swept(broken, { seeds: 1 })
  // The process died while it wrote a line.
  await truncate(join(broken, 'sweep.csv'), (await table(broken)).length - 20)
  expect((await swept(broken))[0]).toBe('4 simulations, of which 1 are there already')
  expect(await table(broken)).toBe(await table(whole))
  expect((await swept(broken))[0]).toBe('4 simulations, of which 4 are there already')
  const lines = (await table(whole)).trim().split('\n')
  expect(lines[0]).toMatch(/^round\.seconds,seed,goodput,.*,violations,traceDigest$/)
  expect(lines.map((line) => line.split(',').slice(0, 2).join())).toEqual([
    'round.seconds,seed',
    '60,1',
    '60,2',
    '120,1',
    '120,2',
  ])
})

test('the Parquet file has what the CSV file has, numbers as numbers', async () => {
  const out = await folder()
  await swept(out, { seeds: 1 })
  const bytes = await readFile(join(out, 'sweep.parquet'))
  const rows = await parquetReadObjects({ file: new Uint8Array(bytes).buffer })
  const [head, ...lines] = (await table(out)).trim().split('\n')
  const written = lines.map((line) => {
    const cells = line.split(',')
    return Object.fromEntries(
      head!.split(',').map((name, i) => [name, name === 'traceDigest' ? cells[i] : +cells[i]!]),
    )
  })
  expect(rows).toEqual(written)
})

test('what is of another sweep is left as it is', async () => {
  const out = await folder()
  await swept(out, { seeds: 1 })
  const before = await table(out)
  const other = swept(out, {}, { ...REQUEST, volunteers: 5 })
  await expect(other).rejects.toThrow("'volunteers' was '4' and is '5'. Give a new '--out'")
  const keys = swept(out, { sweep: ['round.stepsMax=4,8'] })
  await expect(keys).rejects.toThrow("'keys' was 'round.seconds' and is 'round.stepsMax'")
  expect(await table(out)).toBe(before)
  await appendFile(join(out, 'sweep.csv'), 'a,b\n')
  await expect(swept(out)).rejects.toThrow('as it is no table of this sweep')
})

test('a sweep needs a folder', async () => {
  await expect(swept(await folder(), { out: undefined })).rejects.toThrow("add '--out FOLDER'")
})
