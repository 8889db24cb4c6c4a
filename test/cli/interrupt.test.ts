/** Whoever is told to go finishes first, and goes at once when told again. */
import { expect, test, vi } from 'vitest'
import { onInterrupt } from '../../node/cli/interrupt.ts'

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  test(`${signal} is heard once, and ends the process the second time`, () => {
    const exit = vi.spyOn(process, 'exit').mockReturnValue(undefined as never)
    const first = vi.fn()
    const before = process.listenerCount(signal)
    const stop = onInterrupt(first)
    process.emit(signal, signal)
    expect(first).toHaveBeenCalledOnce()
    expect(exit).not.toHaveBeenCalled()
    process.emit(signal, signal)
    expect(exit).toHaveBeenCalledExactlyOnceWith(130)
    stop()
    expect(process.listenerCount(signal)).toBe(before)
  })
}
