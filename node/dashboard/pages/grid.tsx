/**
 * What is happening: a row a round, the newest last, so that none moves for it; a square a lease,
 * coloured by how far it has come.
 */
import { useLayoutEffect, useRef } from 'preact/hooks'
import { LEASE_WORDS } from '../figures.ts'
import { LEASE_STATES, type LeaseRow } from '../rows.ts'
import { colorOf } from './color.ts'
import { Scroll } from './scroll.tsx'
import { tables, version } from './store.ts'

const ROUNDS_SHOWN = 40
const CELL = 12

export function Grid() {
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
        {rounds.map(([round, leases]) => (
          <div class="round" key={round}>
            <span class="name">round {round + 1}</span>
            <Cells leases={leases} label={`Round ${round + 1}: ${summaryOf(leases)}`} />
          </div>
        ))}
      </Scroll>
      <Reasons />
    </section>
  )
}

function summaryOf(leases: readonly LeaseRow[]): string {
  const counts = Map.groupBy(leases, ({ state }) => state)
  return [...counts].map(([state, { length }]) => `${length} ${LEASE_WORDS[state]}`).join(', ')
}

/** Drawn, because ten thousand elements would be slow; the label says the same in words. */
function Cells({ leases, label }: { leases: LeaseRow[]; label: string }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const drawn = useRef('')
  useLayoutEffect(() => {
    const element = canvas.current!
    const columns = Math.max(1, Math.floor(element.parentElement!.clientWidth / CELL) - 7)
    const key = `${columns} ${devicePixelRatio} ${leases.map(({ state }) => state.charCodeAt(2)).join('')}`
    if (key !== drawn.current) draw(element, leases, columns)
    drawn.current = key
  })
  const about = ({ offsetX, offsetY }: MouseEvent) => {
    const columns = Math.floor(canvas.current!.clientWidth / CELL)
    const lease = leases[Math.floor(offsetY / CELL) * columns + Math.floor(offsetX / CELL)]
    if (lease === undefined) return
    const { state, peer, steps, reason } = lease
    const who = tables.peers.get(peer)?.name ?? peer
    canvas.current!.title = `${who}: ${steps} steps, ${LEASE_WORDS[state]}${reason ? `: ${reason}` : ''}`
  }
  return <canvas ref={canvas} role="img" aria-label={label} onMouseMove={about} />
}

function draw(element: HTMLCanvasElement, leases: LeaseRow[], columns: number): void {
  const width = Math.min(columns, leases.length) * CELL
  const height = Math.ceil(leases.length / columns) * CELL
  const colors = new Map(LEASE_STATES.map((s) => [s, colorOf(element, `--${s}`)]))
  Object.assign(element, { width: width * devicePixelRatio, height: height * devicePixelRatio })
  Object.assign(element.style, { width: `${width}px`, height: `${height}px` })
  const context = element.getContext('2d')!
  context.scale(devicePixelRatio, devicePixelRatio)
  leases.forEach(({ state }, index) => {
    context.fillStyle = colors.get(state)!
    const [x, y] = [(index % columns) * CELL, Math.floor(index / columns) * CELL]
    context.fillRect(x + 1, y + 1, CELL - 2, CELL - 2)
  })
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
