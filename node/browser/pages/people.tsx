/** Who is here, and the leaderboard: a table of which only the rows in sight exist. */
import { type Signal, useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useMemo } from 'preact/hooks'
import { compact, duration } from '../../history/figures.ts'
import { compareNames } from '../../history/locale.ts'
import type { PeerRow } from '../../history/rows.ts'
import { isNarrow } from './screen.ts'
import { Scroll, useRowsInView } from './scroll.tsx'
import { invitation, order, tables, version } from './store.ts'
import { namesakesAmong, Who } from './who.tsx'

/** Rows are of equal height, for two lines of a name or, on narrow screens, for five. */
const ROW_PX = { two: 40, five: 84 }
/** Letters of a name that has room in two lines of a narrow screen. */
const TWO_LINES_LETTERS = 20

type Order = 'tokens' | 'here' | 'name'
const ORDERS: [Order, string][] = [
  ['tokens', 'by counted tokens'],
  ['here', 'who is here'],
  ['name', 'by name'],
]

export function People() {
  const sorting = useSignal<Order>('tokens')
  /** What came of what the organiser decided last. */
  const said = useSignal('')
  const isOrganiser = invitation.value?.word === 'right'
  const peers = useMemo(
    () => sorted([...tables.peers.values()], sorting.value),
    [version.value, sorting.value],
  )
  const namesakes = useMemo(() => namesakesAmong(tables.peers.values()), [version.value])
  const isLong = isNarrow.value && peers.some(({ name }) => name.length > TWO_LINES_LETTERS)
  const rowPx = isLong ? ROW_PX.five : ROW_PX.two
  const rows = useRowsInView(rowPx)
  const { first, end } = rows.window(peers.length)
  return (
    <section class="card wide" aria-labelledby="people">
      <div class="head">
        <h2 id="people">Who is here</h2>
        <label class="choice">
          <span class="hidden">Order</span>
          <select
            onChange={({ currentTarget }) => {
              sorting.value = currentTarget.value as Order
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
      {said.value !== '' && <p role="status">{said.value}</p>}
      {peers.length === 0 && <p class="empty">Nobody has joined yet. Give the link away.</p>}
      <Scroll holds="people" kind={isLong ? 'people tall' : 'people'} onScroll={rows.scrolledTo}>
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
                batches counted
              </th>
              <th scope="col" class="figure">
                tokens counted
              </th>
              {isOrganiser && <th scope="col">decide</th>}
            </tr>
          </thead>
          <tbody>
            <tr class="spacer" style={{ height: `${first * rowPx}px` }} />
            {peers.slice(first, end).map((row, index) => (
              // The key is the rank: whoever overtakes somebody moves no row.
              <Person
                key={first + index}
                row={row}
                rank={first + index + 1}
                hasNamesake={namesakes.has(row.name)}
              >
                {isOrganiser && <Decide row={row} said={said} />}
              </Person>
            ))}
            <tr style={{ height: `${(peers.length - end) * rowPx}px` }} />
          </tbody>
        </table>
      </Scroll>
    </section>
  )
}

/** Bans a volunteer, or lets it in again. */
function Decide({ row, said }: { row: PeerRow; said: Signal<string> }) {
  const { peer, name, isBanned } = row
  const decide = async () => {
    if (!isBanned && !confirm(`Ban ${name}, and take back all that it did?`)) return
    const what = isBanned
      ? ({ type: 'unbanned', peer } as const)
      : ({ type: 'kicked', peer, reason: 'the organiser said so' } as const)
    said.value = await order(what)
  }
  const word = isBanned ? 'Let in' : 'Ban'
  return (
    <td>
      <button type="button" class="small" aria-label={`${word} ${name}`} onClick={decide}>
        {word}
      </button>
    </td>
  )
}

interface PersonProps {
  row: PeerRow
  rank: number
  hasNamesake: boolean
  /** The last cell, where there is one. */
  children: ComponentChildren
}

function Person({ row, rank, hasNamesake, children }: PersonProps) {
  const { peer, name, state, reason, since, stepMs, credit } = row
  const run = tables.run!
  const speed = stepMs === null ? '–' : compact((run.stepTokens * 1000) / stepMs)
  return (
    <tr aria-rowindex={rank + 1}>
      <td class="soft">{rank}</td>
      <td>
        <Who peer={peer} name={name} hasNamesake={hasNamesake} />
      </td>
      <td>
        <span class="state" title={reason ?? undefined}>
          <span class={`presence ${state}`}>{state}</span>{' '}
          <span class="soft">
            {duration(run.at - since)}
            {reason === null ? '' : `, ${reason}`}
          </span>
        </span>
      </td>
      <td class="figure">{speed}</td>
      <td class="figure">{compact(credit.batches)}</td>
      <td class="figure">{compact(credit.tokens)}</td>
      {children}
    </tr>
  )
}

const PRESENCE = { here: 0, away: 1, gone: 2 }

function sorted(peers: PeerRow[], order: Order): PeerRow[] {
  const byTokens = (a: PeerRow, b: PeerRow) => b.credit.tokens - a.credit.tokens
  if (order === 'name') return peers.sort((a, b) => compareNames(a.name, b.name))
  if (order === 'tokens') return peers.sort(byTokens)
  return peers.sort((a, b) => PRESENCE[a.state] - PRESENCE[b.state] || byTokens(a, b))
}
