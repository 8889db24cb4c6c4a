/** A machine whose kernels give other bits takes no part. */
import { expect, test, vi } from 'vitest'
import type * as kernels from '../../kernels/index.ts'
import { MachineError } from '../../kernels/index.ts'
import { startKernels } from '../../node/compute/start-kernels.ts'

vi.mock('../../kernels/index.ts', async (original) => {
  const real = await original<typeof kernels>()
  const checkMachine = () => {
    throw new real.MachineError('This machine gives other bits')
  }
  return { ...real, checkMachine }
})

test('a machine that gives other bits is refused, each time it is asked', () => {
  for (let i = 0; i < 2; i++) expect(() => startKernels(false)).toThrow(MachineError)
})
