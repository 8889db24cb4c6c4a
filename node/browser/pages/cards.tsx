/** The smaller cards: joining, the rounds with their adapters, the log. */
import { useSignal } from '@preact/signals'
import { COMMAND } from '../../command.ts'
import { byteSize, compact, duration } from '../../history/figures.ts'
import { timeOfDay } from '../../history/locale.ts'
import type { RoundRow } from '../../history/rows.ts'
import { judge, measuredOf } from '../../history/verdict.ts'
import { addressWith, ask, door } from './door.ts'
import { Qr } from './qr.tsx'
import { figuresIn, figureText } from './round-figures.ts'
import { save } from './save.ts'
import { isNarrow } from './screen.ts'
import { Scroll, useRowsInView } from './scroll.tsx'
import { invitation, tables, version } from './store.ts'

const ROUNDS_SHOWN = 100
const LINES_SHOWN = 200
const SAVED_MS = 60_000
/** Height of a line, as the style says: on narrow screens it takes three. */
const LINE_PX = { wide: 25, narrow: 72 }
/** Letters that the time takes, and that a line leaves empty as words are not parted. */
const TIME_LETTERS = 12
const UNFILLED_LETTERS = 8

export function Join() {
  const copied = useSignal(false)
  const link = invitation.value?.link ?? null
  if (link === null) return null
  if (invitation.value?.kind === 'invites') return <InviteNeeded />
  const page = addressWith(`join=${link.split('#')[1]}`)
  const command = `${COMMAND} join '${link}'`
  const copy = async () => {
    await navigator.clipboard.writeText(page)
    copied.value = true
  }
  return (
    <section class="card join" aria-labelledby="join">
      <h2 id="join">Join</h2>
      <p>Whoever opens this link in a browser can train with one press of a button:</p>
      <code class="command">{page}</code>
      <button type="button" onClick={copy}>
        {copied.value ? 'Copied' : 'Copy the link'}
      </button>
      <Qr text={page} label="The link" />
      <p>
        With Barnraise in a terminal, this command joins, too. Ctrl-C leaves, and loses nothing.
      </p>
      <code class="command">{command}</code>
    </section>
  )
}

/** Nobody joins by the link of the run itself. */
function InviteNeeded() {
  return (
    <section class="card join" aria-labelledby="join">
      <h2 id="join">Join</h2>
      <p>Volunteers join by invites. This makes one, where the run's folder is:</p>
      <code class="command">{`${COMMAND} invite FOLDER --name friends --members 30`}</code>
    </section>
  )
}

export function Rounds() {
  version.value
  const isRelayed = (door.value?.relayed.length ?? 0) > 0
  const { best } = judge(measuredOf(tables.rounds.values(), tables.run?.metric))
  const figures = figuresIn([...tables.rounds.values()])
  const rounds = [...tables.rounds.values()]
    .filter(({ mergedAt }) => mergedAt !== null)
    .sort((a, b) => b.round - a.round)
    .slice(0, ROUNDS_SHOWN)
  return (
    <section class="card wide rounds" aria-labelledby="rounds">
      <h2 id="rounds">Rounds and adapters</h2>
      <Scroll holds="rounds" kind="still">
        {rounds.length === 0 && <p class="empty">No round is merged yet.</p>}
        <table hidden={rounds.length === 0}>
          <thead>
            <tr>
              <th scope="col">round</th>
              <th scope="col">adapter</th>
              {['held-out loss', ...figures.map(({ name }) => name)].map((name) => (
                <th key={name} scope="col" class="figure">
                  {name}
                </th>
              ))}
              {['tokens', 'time', 'uploaded'].map((name) => (
                <th key={name} scope="col" class="figure cost">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rounds.map(({ round, tokens, uploadedBytes, startedAt, mergedAt }, index) => (
              // The key is the place: rows stay, and what they show goes down by one.
              <tr key={index}>
                <td>{round + 1}</td>
                <td>
                  <a
                    href={`adapter/${round + 1}.zip`}
                    onClick={isRelayed ? (event) => void saveAdapter(event, round + 1) : undefined}
                    aria-label={`Download the adapter of round ${round + 1}`}
                  >
                    download
                  </a>
                  {round + 1 === best && ' (best)'}
                </td>
                <td class="figure">{lossText(tables.rounds.get(round + 1))}</td>
                {figures.map((figure) => (
                  <td key={figure.field} class="figure">
                    {figureText(figure, tables.rounds.get(round + 1))}
                  </td>
                ))}
                <td class="figure cost">{compact(tokens)}</td>
                <td class="figure cost">{duration(mergedAt! - (startedAt ?? mergedAt!))}</td>
                <td class="figure cost">{byteSize(uploadedBytes)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </section>
  )
}

/** The adapter that a round made is what the next begins with, and stands in its row. */
const lossText = (next: RoundRow | undefined): string => next?.heldOutLoss?.toFixed(4) ?? '–'

/** What a relay's own address does not have comes from the run. */
async function saveAdapter(event: Event, round: number): Promise<void> {
  event.preventDefault()
  const answer = await ask(`adapter/${round}.zip`).catch(() => null)
  const zip = answer?.ok ? await answer.blob().catch(() => null) : null
  if (zip === null) return alert('The adapter does not come: try again in a while.')
  const address = URL.createObjectURL(zip)
  save(address, `adapter-round-${round}.zip`)
  // It may be removed once the browser has begun to save it.
  setTimeout(() => URL.revokeObjectURL(address), SAVED_MS)
}

/** Letters of a line, where three of them hold the longest text: it scrolls where that is more. */
function lettersOf(lines: readonly { text: string }[]): number {
  const longest = lines.reduce((most, { text }) => Math.max(most, text.length), 0)
  return Math.ceil((longest + TIME_LETTERS) / 3) + UNFILLED_LETTERS
}

export function Log() {
  const filter = useSignal('')
  /** The oldest line that is shown to who reads on above the end; null: the end is in view. */
  const held = useSignal<number | null>(null)
  const linePx = isNarrow.value ? LINE_PX.narrow : LINE_PX.wide
  const rows = useRowsInView(linePx)
  version.value
  const wanted = filter.value.toLowerCase()
  const matching = [...tables.log.values()].filter(({ text }) =>
    text.toLowerCase().includes(wanted),
  )
  const newest = matching.slice(-LINES_SHOWN)
  const lines = held.value === null ? newest : matching.filter(({ id }) => id >= held.value!)
  const { first, end } = rows.window(lines.length)
  return (
    <section class="card wide" aria-labelledby="log">
      <div class="head">
        <h2 id="log">Log</h2>
        <input
          type="search"
          aria-label="Filter the log"
          placeholder="filter"
          onInput={({ currentTarget }) => {
            filter.value = currentTarget.value
            held.value = null
          }}
        />
      </div>
      <Scroll
        // Whatever else is looked for is shown from its end again.
        key={wanted}
        holds="log"
        kind="still"
        followsEnd
        onScroll={(top, isAtEnd) => {
          rows.scrolledTo(top)
          held.value = isAtEnd ? null : (held.value ?? lines[0]?.id ?? null)
        }}
      >
        {lines.length === 0 && <p class="empty">No line{wanted === '' ? ' yet' : ' matches'}.</p>}
        <ol
          class="log"
          style={{ height: `${lines.length * linePx}px`, '--letters': `${lettersOf(lines)}ch` }}
        >
          <li style={{ height: `${first * linePx}px` }} />
          {lines.slice(first, end).map(({ at, tone, text }, index) => (
            // The key is the place: what a row shows changes, and no row moves.
            <li key={first + index} class={tone}>
              <time>{timeOfDay(at)}</time> <span>{text}</span>
            </li>
          ))}
        </ol>
      </Scroll>
    </section>
  )
}
