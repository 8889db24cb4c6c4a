/** Whoever is told to go finishes first, and goes at once when told again. */
import { afterEach, expect, test, vi } from 'vitest'
import { onInterrupt } from '../../node/cli/interrupt.ts'

const STREAMS = [process.stdout, process.stderr]
const listened = STREAMS.map((stream) => stream.listeners('error'))

/** Other tests share this process. */
afterEach(() => {
  for (const [index, stream] of STREAMS.entries()) {
    for (const listener of stream.listeners('error')) {
      if (!listened[index]!.includes(listener)) stream.off('error', listener as () => void)
    }
  }
})

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  test(`${signal} is heard once, and ends the process the second time`, () => {
    const exit = vi.spyOn(process, 'exit').mockReturnValue(undefined as never)
    const first = vi.fn()
    const stop = onInterrupt(first)
    process.emit(signal, signal)
    expect(first).toHaveBeenCalledOnce()
    expect(exit).not.toHaveBeenCalled()
    process.emit(signal, signal)
    expect(exit).toHaveBeenCalledExactlyOnceWith(130)
    stop()
    expect(process.listeners(signal)).not.toContain(first)
  })
}

test('a terminal that is gone ends nothing', () => {
  const stop = onInterrupt(() => {})
  const gone = () => process.stderr.emit('error', new Error('write EIO'))
  const before = process.stderr.listenerCount('error')
  process.emit('SIGHUP', 'SIGHUP')
  expect(process.stderr.listenerCount('error')).toBe(before + 1)
  expect(gone).not.toThrow()
  stop()
})
