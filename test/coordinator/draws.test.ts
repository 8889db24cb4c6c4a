/** What a draw says: how much is repeated, by whom, and whether the coordinator looks as well. */
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { attemptCoin, choicesOf, coinOf, drawOf } from '../../coordinator/draws.ts'
import type { CoordinatorState } from '../../coordinator/state.ts'
import { step } from '../../coordinator/step.ts'
import { pack } from '../vectors/message-pack.ts'
import { startConversation } from './coordinator-language.ts'

/** The least difference between two coins. */
const BIT = 2 ** -52
const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const digitsOf = (coin: number) => (coin / BIT).toString(16).padStart(13, '0')
const drawOfCoins = (coins: readonly number[]) => coins.map(digitsOf).join('').padEnd(64, '0')

test('the coins of a draw are four fractions', () => {
  const coins = [0, 0.5, 1 - BIT, 1 / 128]
  const draw = drawOfCoins(coins)
  expect(([0, 1, 2, 3] as const).map((place) => coinOf(draw, place))).toEqual(coins)
})

test('draws and choices follow from the key, the lease and the attempt alone', () => {
  const key = new Uint8Array(32).fill(3)
  const hex = Buffer.from(key).toString('hex')
  const draw = sha256(
    Uint8Array.from(pack({ purpose: 'barnraise draw 1', key: hex, leaseId: 300 })),
  )
  expect(drawOf(key, 300)).toBe(draw)
  for (const attempt of [1, 2]) {
    const choices = sha256(`${draw} ${attempt}`).match(/.{8}/g)!
    const places = choices.map((digits) => Math.floor((Number.parseInt(digits, 16) / 2 ** 32) * 5))
    expect(choicesOf(draw, attempt, 5)).toEqual(places)
    const coin = Number.parseInt(sha256(`${draw} ${attempt} once more`).slice(0, 13), 16) * BIT
    expect(attemptCoin(draw, attempt)).toBe(coin)
  }
})

/** Ann's eight steps are committed with this draw, and bob is there to repeat them. */
function committed(config: string, coins: readonly number[]) {
  const { state, eventOf } = startConversation([
    { input: [`config ${config} round.batchesMax=100`], output: '' },
  ])
  const play = (line: string, change = {}) => step(state, { ...eventOf(line)!, ...change })
  for (const line of ['0 started', '1 join ann', '2 join bob', '3 lease ann 1000']) play(line)
  play('8000 commit ann 0 8', { draw: drawOfCoins(coins) })
  return { state, play }
}

const auditIn = ({ audits }: CoordinatorState) => {
  const [audit] = audits.values()
  return audit === undefined ? null : [audit.kind, audit.steps]
}

const friends = 'audit.trust=friends audit.fullShare=0.25 audit.lookShare=0.5 proven=ann,bob'
const none = 'audit.trust=friends audit.fullShare=0 audit.lookShare=0 proven=ann,bob'
const newcomer = 'audit.trust=friends audit.fullShare=0 audit.lookShare=0 delivered=ann,bob'
for (const [config, coins, expected] of [
  [friends, [0.25 - BIT, 0.875, 0.875], ['full', 8]],
  [friends, [0.25, 0.875, 0.875], null],
  [friends, [0.25, 0.5 - BIT, 0.875], ['look', 1]],
  [friends, [0.25, 0.5, 0], null],
  [friends, [0.25, 0, 1 / 128], ['look', 1]],
  [friends, [0.25, 0, 1 / 128 - BIT], ['look', 8]],
  // Ten times right, and once more: a rate of 1 / 11².
  [none, [1 / 128, 0, 0], ['full', 8]],
  [none, [1 / 64, 0, 0], null],
  [newcomer, [0.875, 0.875, 0.875], ['full', 8]],
  ['audit.trust=strangers delivered=ann,bob', [0.875, 0.875, 0.875], ['full', 8]],
  ['audit.trust=everyone audit.fullShare=1 delivered=ann,bob', [0, 0, 0], null],
] as const) {
  test(`${config}: the coins ${coins} say ${expected?.join(' ') ?? 'nothing'}`, () => {
    const rounds = config.includes('strangers') ? ' round.stepsMin=8' : ''
    expect(auditIn(committed(config + rounds, coins).state)).toEqual(expected)
  })
}

for (const [coin, stage] of [
  [1 / 128 - BIT, 'canary'],
  [1 / 128, undefined],
] as const) {
  test(`an answer that is right, and a last coin of ${coin}: ${stage ?? 'that is all'}`, () => {
    const { state, play } = committed(friends, [0, 0.875, 0.875, coin])
    for (const line of ['8010 lease bob 1000', '9000 audit bob 1']) play(line)
    expect(state.audits.get(1)?.stage).toBe(stage)
  })
}
