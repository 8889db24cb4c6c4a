/** Each example does what its README says that one should see. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import type { Progress } from '../../node/history/progress.ts'
import { temporaryFolder } from '../model/fixtures.ts'
import { start } from '../roles/processes.ts'

const run = promisify(execFile)
const program = (...args: string[]) => run(process.execPath, ['--import', 'tsx', ...args])

/** Whole runs: beside other work they take many times as long as alone. */
const RUN_MS_MAX = 900_000

for (const [name, fallMin] of [
  ['sea-stories', 0.33],
  ['chat-tune', 2],
] as const) {
  test(
    `${name}: a host and a volunteer; the held-out loss falls by ${fallMin} nats`,
    async () => {
      const folder = await temporaryFolder()
      const yaml = `examples/${name}/run.yaml`
      const host = start<Progress>(['host', yaml, '--out', join(folder, 'run'), '--port', '0'])
      const { link } = await host.seen('ready')
      // A guest would let all other tests go first.
      const guest = ['--cache', join(folder, 'volunteer'), '--dedicated']
      const volunteer = start<{ type: string }>(['join', link].concat(guest))
      // A host that stops for another reason leaves its volunteers waiting for it.
      expect(await host.child.exited, host.child.complaints()).toBe(0)
      expect(await volunteer.child.exited, volunteer.child.complaints()).toBe(0)
      // Small data comes round again and again, and the same work gives the same payload: that
      // counts. One that asks for work as the run ends is only told so.
      const refusals = host.facts.flatMap((fact) => (fact.type === 'refused' ? [fact.refusal] : []))
      expect(refusals.filter((refusal) => refusal !== 'run-finished')).toEqual([])
      const losses = host.facts.flatMap((fact) => (fact.type === 'evaluated' ? [fact.loss] : []))
      expect(losses[0]! - Math.min(...losses)).toBeGreaterThan(fallMin)
    },
    RUN_MS_MAX,
  )
}

test('churn-trace: the same figures twice', async () => {
  const simulate = () =>
    program('node/main.ts', 'simulate', '--trace', 'examples/churn-trace/sessions.csv', '--json')
  const [first, second] = [await simulate(), await simulate()]
  const figuresOf = ({ stdout }: typeof first) => JSON.parse(stdout.trim().split('\n').at(-1)!)
  expect(figuresOf(first)).toMatchObject({
    volunteers: 12,
    sessions: 51,
    days: expect.closeTo(4 / 24, 2),
  })
  expect(figuresOf(first).goodput).toBeGreaterThan(0.85)
  expect(figuresOf(second).traceDigest).toBe(figuresOf(first).traceDigest)
})

test('simulation: prints what its README shows', async () => {
  const { stdout } = await program('examples/simulation/compare.ts')
  expect(stdout.trim().split('\n')).toHaveLength(3)
  expect(readFileSync('examples/simulation/README.md', 'utf8')).toContain(stdout)
})

test('in-process: its loss falls, and its adapter is the one that the README shows', async () => {
  const { stdout } = await program('examples/in-process/train.ts')
  const lines = stdout.trim().split('\n')
  const losses = lines.slice(0, -1).map((line) => Number(/: ([\d.]+) nats/.exec(line)![1]))
  expect(losses[0]! - losses.at(-1)!).toBeGreaterThan(1)
  expect(readFileSync('examples/in-process/README.md', 'utf8')).toContain(lines.at(-1))
})
