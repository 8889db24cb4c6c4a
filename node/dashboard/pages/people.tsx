/** Who is here, and the leaderboard: a table of which only the rows in sight exist. */
import { useSignal } from '@preact/signals'
import { useMemo } from 'preact/hooks'
import { compact, duration } from '../figures.ts'
import type { PeerRow } from '../rows.ts'
import { Scroll, useRowsInView } from './scroll.tsx'
import { tables, version } from './store.ts'

const ROW_PX = 40

type Order = 'countedTokens' | 'here' | 'name'
const ORDERS: [Order, string][] = [
  ['countedTokens', 'by counted tokens'],
  ['here', 'who is here'],
  ['name', 'by name'],
]

export function People() {
  const order = useSignal<Order>('countedTokens')
  const rows = useRowsInView(ROW_PX)
  const peers = useMemo(
    () => sorted([...tables.peers.values()], order.value),
    [version.value, order.value],
  )
  const { first, end } = rows.window(peers.length)
  return (
    <section class="card wide" aria-labelledby="people">
      <div class="head">
        <h2 id="people">Who is here</h2>
        <label class="choice">
          <span class="hidden">Order</span>
          <select
            onChange={({ currentTarget }) => {
              order.value = currentTarget.value as Order
            }}
          >
            {ORDERS.map(([value, text]) => (
              <option key={value} value={value}>
                {text}
              </option>
            ))}
          </select>
        </label>
      </div>
      {peers.length === 0 && <p class="empty">Nobody has joined yet. Give the link away.</p>}
      <Scroll holds="people" kind="people" onScroll={rows.scrolledTo}>
        <table hidden={peers.length === 0} aria-rowcount={peers.length + 1}>
          <thead>
            <tr>
              <th scope="col">#</th>
              <th scope="col">name</th>
              <th scope="col">state</th>
              <th scope="col" class="figure">
                tokens/s
              </th>
              <th scope="col" class="figure">
                tokens counted
              </th>
            </tr>
          </thead>
          <tbody>
            <tr class="spacer" style={{ height: `${first * ROW_PX}px` }} />
            {peers.slice(first, end).map((row, index) => (
              // By rank: whoever overtakes somebody moves no row.
              <Person key={first + index} row={row} rank={first + index + 1} />
            ))}
            <tr style={{ height: `${(peers.length - end) * ROW_PX}px` }} />
          </tbody>
        </table>
      </Scroll>
    </section>
  )
}

function Person({ row, rank }: { row: PeerRow; rank: number }) {
  const { name, state, reason, since, stepMs, countedTokens } = row
  const run = tables.run!
  const speed = stepMs === null ? '–' : compact((run.stepTokens * 1000) / stepMs)
  return (
    <tr aria-rowindex={rank + 1}>
      <td class="soft">{rank}</td>
      <td class="name">{name}</td>
      <td>
        <span class={`presence ${state}`}>{state}</span>{' '}
        <span class="soft">
          {duration(run.at - since)}
          {reason === null ? '' : `, ${reason}`}
        </span>
      </td>
      <td class="figure">{speed}</td>
      <td class="figure">{compact(countedTokens)}</td>
    </tr>
  )
}

const { compare } = Intl.Collator()
const PRESENCE = { here: 0, away: 1, gone: 2 }

function sorted(peers: PeerRow[], order: Order): PeerRow[] {
  const byTokens = (a: PeerRow, b: PeerRow) => b.countedTokens - a.countedTokens
  if (order === 'name') return peers.sort((a, b) => compare(a.name, b.name))
  if (order === 'countedTokens') return peers.sort(byTokens)
  return peers.sort((a, b) => PRESENCE[a.state] - PRESENCE[b.state] || byTokens(a, b))
}
