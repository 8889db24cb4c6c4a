/** Random numbers: the same everywhere, fair, and resumable. */
import { expect, test } from 'vitest'
import { nextBelow, nextFraction, nextUint32, prng, shuffle } from '../../protocol/prng.ts'

/** The generator in 64-bit integers, from its definition. */
function* reference(seed: number): Generator<number> {
  const mask = 0xffffffffn
  let state = BigInt(seed)
  for (;;) {
    state = (state + 0x9e3779b9n) & mask
    let z = state
    z = ((z ^ (z >> 16n)) * 0x85ebca6bn) & mask
    z = ((z ^ (z >> 13n)) * 0xc2b2ae35n) & mask
    yield Number(z ^ (z >> 16n))
  }
}

// Frozen: seeds are written into run configs.
for (const [seed, numbers] of [
  [0, [2462723854, 1020716019, 454327756, 1275600319]],
  [1, [2527132011, 314344336, 2535364964, 2041432039]],
  [0xffffffff, [920564995, 4230986166, 697614773, 1778835764]],
] as [number, number[]][]) {
  test(`seed ${seed} gives ${numbers}`, () => {
    const random = prng(seed)
    expect(numbers.map(() => nextUint32(random))).toEqual(numbers)
  })
}

test('a thousand numbers of a hundred seeds are those of the definition', () => {
  for (let seed = 0; seed < 2 ** 32; seed += 42_949_673) {
    const random = prng(seed)
    const expected = reference(seed)
    const draws = Array.from({ length: 1000 }, () => nextUint32(random))
    expect(draws).toEqual(draws.map(() => expected.next().value))
  }
})

test('the state is a value: a copy goes on alike', () => {
  const random = prng(7)
  nextUint32(random)
  const copy = { ...random }
  expect(nextFraction(copy)).toBe(nextFraction(random))
})

test('fractions are in [0, 1) and fill it evenly', () => {
  const random = prng(3)
  const counts = new Array<number>(10).fill(0)
  for (let draw = 0; draw < 100_000; draw++) counts[Math.floor(nextFraction(random) * 10)]! += 1
  // Ten standard deviations of a fair count.
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(950)
})

for (const bound of [1, 2, 3, 10, 2 ** 31 + 1, 2 ** 32]) {
  test(`below ${bound} stays below, without bias`, () => {
    const random = prng(bound)
    let sum = 0
    for (let draw = 0; draw < 20_000; draw++) {
      const value = nextBelow(random, bound)
      if (value >= bound || value < 0 || !Number.isInteger(value)) expect(value).toBe('in bounds')
      sum += value / bound
    }
    const mean = sum / 20_000
    const fair = (bound - 1) / 2 / bound
    expect(Math.abs(mean - fair)).toBeLessThan(0.02)
  })
}

// 2^32 holds 2^31 + 1 once; what is left over would come up twice, and is drawn again.
for (const [seed, drawn, value] of [
  [3_767_474_599, 2_147_483_648, 2_147_483_648],
  [3_241_561_818, 2_147_483_649, 1_360_070_318],
] as const) {
  test(`${drawn} is ${drawn === value ? 'below 2^31 + 1' : 'drawn again'}`, () => {
    expect(nextUint32(prng(seed))).toBe(drawn)
    expect(nextBelow(prng(seed), 2 ** 31 + 1)).toBe(value)
  })
}

test('a shuffle keeps all items, and every order of three comes up as often', () => {
  const random = prng(11)
  const seen = new Map<string, number>()
  for (let draw = 0; draw < 6000; draw++) {
    const items = shuffle(random, ['a', 'b', 'c'])
    expect(items).toHaveLength(3)
    const order = items.join('')
    seen.set(order, (seen.get(order) ?? 0) + 1)
  }
  expect([...seen.keys()].sort()).toEqual(['abc', 'acb', 'bac', 'bca', 'cab', 'cba'])
  for (const count of seen.values()) expect(Math.abs(count - 1000)).toBeLessThan(290)
})
