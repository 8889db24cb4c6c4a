/** Decoders with a fault each, at their first seed, by which the harness itself is tried. */
import type { Target } from './target.ts'

function planted(name: string, fault: () => unknown): Target {
  const seeds = () => [Uint8Array.of(1), Uint8Array.of(2)]
  const read = ([first]: Uint8Array) => (first === 1 ? fault() : null)
  return { name, seeds, read, throws: [RangeError] }
}

export const TARGETS: readonly Target[] = [
  planted('throws', () => {
    throw new TypeError('not its own')
  }),
  planted('hangs', () => {
    for (;;);
  }),
  planted('fills', () => {
    const all: unknown[] = []
    for (;;) all.push({ all: [all.length] })
  }),
  planted('hoards', () => new Uint8Array(2 ** 29)),
  planted('refuses', () => {
    throw new RangeError('its own')
  }),
]
