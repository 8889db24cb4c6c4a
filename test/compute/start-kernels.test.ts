/** A machine whose kernels give other bits takes no part; threads of a process start them once. */
import { beforeEach, expect, test, vi } from 'vitest'
import type * as kernels from '../../kernels/index.ts'

const machine = vi.hoisted(() => ({ isWrong: false, checks: 0 }))

vi.mock('../../kernels/index.ts', async (original) => {
  const real = await original<typeof kernels>()
  const checkMachine = () => {
    machine.checks++
    if (machine.isWrong) throw new real.MachineError('This machine gives other bits')
  }
  return { ...real, checkMachine }
})

/** The module as a new thread has it, which knows nothing yet. */
async function newThread() {
  vi.resetModules()
  return await import('../../node/compute/start-kernels.ts')
}

beforeEach(() => Object.assign(machine, { isWrong: false, checks: 0 }))

test('a machine that gives other bits is refused, each time it is asked', async () => {
  machine.isWrong = true
  const { newFindings, sharedTiles, startKernels } = await newThread()
  for (let i = 0; i < 2; i++) expect(() => startKernels(false)).toThrow(/gives other bits/)
  const findings = newFindings()
  for (let i = 0; i < 2; i++) {
    const { sharedTiles: ofOther } = await newThread()
    for (const tiles of [sharedTiles, ofOther]) {
      expect(() => tiles(findings)).toThrow(/gives other bits/)
    }
  }
})

test('the first thread starts the kernels, and the others have what it found', async () => {
  const { newFindings, sharedTiles } = await newThread()
  const findings = newFindings()
  const tiles = sharedTiles(findings)
  for (let i = 0; i < 2; i++) {
    const other = await newThread()
    expect(other.sharedTiles(findings)).toEqual(tiles)
  }
  expect(machine.checks).toBe(1)
})

test('whoever waits for a thread that ended starts the kernels itself', async () => {
  const { newFindings, sharedTiles } = await newThread()
  const findings = newFindings()
  const told = sharedTiles(newFindings())
  const wait = vi.spyOn(Atomics, 'wait').mockReturnValue('timed-out')
  // STARTING, by one that will never tell.
  Atomics.store(findings, 0, 1)
  expect(sharedTiles(findings)).toEqual(told)
  expect(wait).toHaveBeenCalledOnce()
  wait.mockRestore()
})
