/** What is happening, in characters: a line a round, a sign a lease, and who was refused last. */
import { LEASE_WORDS } from '../history/figures.ts'
import { LEASE_STATES, type LeaseRow, type LeaseState, type Tables } from '../history/rows.ts'
import { visible } from './terminal.ts'

const SIGNS: Record<LeaseState, string> = {
  leased: '·',
  committed: '↑',
  stored: '+',
  counted: '█',
  lost: '×',
  rejected: '!',
}
const ROUNDS_SHOWN = 4
const REFUSALS_SHOWN = 2

/** What the signs mean. */
const LEGEND = LEASE_STATES.map((state) => `${SIGNS[state]} ${LEASE_WORDS[state]}`).join('  ')

/** The newest rounds, the newest last, in lines of at most `width`; none where no lease is. */
export function gridLines({ leases }: Tables, width: number): string[] {
  const byRound = Map.groupBy(leases.values(), ({ round }) => round)
  const rounds = [...byRound].sort(([a], [b]) => a - b).slice(-ROUNDS_SHOWN)
  if (rounds.length === 0) return []
  const names = rounds.map(([round, { length }]) => `round ${round + 1} (${length})`)
  const nameWidth = Math.max(...names.map(({ length }) => length)) + 1
  const cellsMax = Math.max(LEASE_STATES.length, width - nameWidth)
  const lines = rounds.map(
    ([, rows], index) => names[index]!.padEnd(nameWidth) + signsOf(rows, cellsMax),
  )
  return [...lines, LEGEND].map((line) => line.slice(0, width))
}

/** A sign a lease; where they are more than there is room for, each state by its share. */
function signsOf(leases: readonly LeaseRow[], cellsMax: number): string {
  if (leases.length <= cellsMax) return leases.map(({ state }) => SIGNS[state]).join('')
  const counts = LEASE_STATES.map((state) => leases.filter((row) => row.state === state).length)
  // One cell for each that is there at all: a single rejection must not vanish among thousands.
  const room = cellsMax - counts.filter((count) => count > 0).length
  return LEASE_STATES.map((state, index) => {
    const count = counts[index]!
    const cells = count === 0 ? 0 : 1 + Math.floor((room * count) / leases.length)
    return SIGNS[state].repeat(cells)
  }).join('')
}

/** How many requests of each kind were refused, and the last of them with their reasons. */
export function refusalLines({ run, log }: Tables): string[] {
  const counts = Object.entries(run?.refusals ?? {}).sort(([, a], [, b]) => b - a)
  if (counts.length === 0) return []
  const last = [...log.values()].filter(({ text }) => text.includes(' was refused: '))
  return [
    `refused: ${counts.map(([refusal, count]) => `${count}× ${refusal}`).join(', ')}`,
    ...last.slice(-REFUSALS_SHOWN).map(({ text }) => `  ${visible(text)}`),
  ]
}
