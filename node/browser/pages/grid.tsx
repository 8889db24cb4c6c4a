/**
 * What is happening: a row for each round, the newest last, so that no row moves for it, and in it
 * a square for each lease, coloured by how far it has come.
 */
import { useSignal } from '@preact/signals'
import type { TargetedMouseEvent } from 'preact'
import { useLayoutEffect, useMemo, useRef } from 'preact/hooks'
import { LEASE_WORDS } from '../../history/figures.ts'
import { LEASE_STATES, type LeaseRow, type LeaseState } from '../../history/rows.ts'
import { Scroll } from './scroll.tsx'
import { tables, version } from './store.ts'

const ROUNDS_SHOWN = 40
const CELL = 12
/** What the name of a round takes. */
const NAME_CELLS = 7
/** The gap between two rounds, in pixels. */
const GAP = 6

export function Grid() {
  const columns = useSignal(0)
  const place = useRef<HTMLDivElement>(null)
  useLayoutEffect(() => {
    const measure = () => {
      columns.value = Math.max(1, Math.floor(place.current!.clientWidth / CELL) - NAME_CELLS)
    }
    const resized = new ResizeObserver(measure)
    resized.observe(place.current!)
    measure()
    return () => resized.disconnect()
  }, [])
  version.value
  const byRound = Map.groupBy(tables.leases.values(), ({ round }) => round)
  const rounds = [...byRound].sort(([a], [b]) => a - b).slice(-ROUNDS_SHOWN)
  return (
    <section class="card wide" aria-labelledby="grid">
      <h2 id="grid">What is happening</h2>
      <ul class="legend">
        {LEASE_STATES.map((state) => (
          <li key={state} class={state}>
            {LEASE_WORDS[state]}
          </li>
        ))}
      </ul>
      {rounds.length === 0 && (
        <p class="empty">No lease yet: the first volunteer starts round 1.</p>
      )}
      <Scroll holds="grid" kind="grid" followsEnd>
        <div ref={place}>
          {columns.value > 0 &&
            rounds.map(([round, leases]) => (
              <Round key={round} round={round} leases={leases} columns={columns.value} />
            ))}
        </div>
      </Scroll>
      <Reasons />
    </section>
  )
}

interface RoundProps {
  round: number
  leases: LeaseRow[]
  columns: number
}

/** Made anew only where one of its leases has changed. */
function Round({ round, leases, columns }: RoundProps) {
  let newest = 0
  for (const { seq } of leases) newest = Math.max(newest, seq)
  return useMemo(() => {
    const height = Math.ceil(leases.length / columns) * CELL
    return (
      <div class="round" style={{ height: `${height + GAP}px` }}>
        <span class="name">round {round + 1}</span>
        <Cells
          leases={leases}
          columns={columns}
          label={`Round ${round + 1}: ${summaryOf(leases)}`}
        />
      </div>
    )
  }, [newest, leases.length, columns])
}

function summaryOf(leases: readonly LeaseRow[]): string {
  const counts = Map.groupBy(leases, ({ state }) => state)
  return [...counts].map(([state, { length }]) => `${length} ${LEASE_WORDS[state]}`).join(', ')
}

type CellsProps = Omit<RoundProps, 'round'> & { label: string }

/**
 * One path for each state, in which leases that stand beside each other are one dashed line: ten
 * thousand elements would be slow, and a canvas for each round is a layer that every frame pays
 * for. The label says the same in words.
 */
function Cells({ leases, columns, label }: CellsProps) {
  const about = ({ currentTarget, offsetX, offsetY }: TargetedMouseEvent<HTMLDivElement>) => {
    const lease = leases[Math.floor(offsetY / CELL) * columns + Math.floor(offsetX / CELL)]
    if (lease === undefined) return
    const { state, peer, steps, reason } = lease
    const who = tables.peers.get(peer)?.name ?? peer
    const why = reason ? `: ${reason}` : ''
    currentTarget.title = `${who}: ${steps} steps, ${LEASE_WORDS[state]}${why}`
  }
  const width = Math.min(columns, leases.length) * CELL
  const height = Math.ceil(leases.length / columns) * CELL
  return (
    <div class="cells" role="img" aria-label={label} onMouseMove={about}>
      <svg aria-hidden="true" width={width} height={height}>
        {[...pathsOf(leases, columns)].map(([state, path]) => (
          <path key={state} class={state} d={path} />
        ))}
      </svg>
    </div>
  )
}

function pathsOf(leases: readonly LeaseRow[], columns: number): Map<LeaseState, string> {
  const paths = new Map<LeaseState, string>()
  for (let begin = 0, end = 0; begin < leases.length; begin = end) {
    const { state } = leases[begin]!
    const rowEnd = Math.min(leases.length, begin - (begin % columns) + columns)
    for (end = begin + 1; end < rowEnd && leases[end]!.state === state; ) end += 1
    const [x, y] = [(begin % columns) * CELL, Math.floor(begin / columns) * CELL]
    const line = `M${x + 1} ${y + CELL / 2}h${(end - begin) * CELL - 2}`
    paths.set(state, (paths.get(state) ?? '') + line)
  }
  return paths
}

/** Every reason for which work came to nothing, with how often. */
function Reasons() {
  const counts = new Map<string, number>()
  for (const { state, reason } of tables.leases.values()) {
    if (reason === null) continue
    const text = `${LEASE_WORDS[state]}: ${reason}`
    counts.set(text, (counts.get(text) ?? 0) + 1)
  }
  for (const [refusal, count] of Object.entries(tables.run?.refusals ?? {})) {
    counts.set(`request refused: ${refusal}`, count)
  }
  const mergesRefused = tables.run?.mergesRefused ?? 0
  if (mergesRefused > 0) counts.set('a merge raised the held-out loss too far', mergesRefused)
  if (counts.size === 0) return <p class="soft">Nothing was lost, rejected or refused.</p>
  const sorted = [...counts].sort(([, a], [, b]) => b - a)
  return (
    <ul class="reasons">
      {sorted.map(([text, count]) => (
        <li key={text}>
          <b>{count}×</b> {text}
        </li>
      ))}
    </ul>
  )
}
