/** The dashboard: is it learning, who is here, what is happening, how long yet. */
import { render } from 'preact'
import { byteSize, compact, doneOf, duration, speedOf, timeLeft } from '../figures.ts'
import type { RunRow } from '../rows.ts'
import { Join, Log, Rounds } from './cards.tsx'
import { Learning } from './chart.tsx'
import { Grid } from './grid.tsx'
import { Lend } from './lend.tsx'
import { isInvited, lent, readSensors } from './lend-store.ts'
import { People } from './people.tsx'
import { follow, line, readInvitation, tables, version } from './store.ts'
import { Try } from './try-card.tsx'
import './style.css'

const LINE_WORDS = {
  connecting: 'Asking the coordinator…',
  live: 'live',
  broken: 'The coordinator does not answer. Trying again; what you see is what was last heard.',
}

const PHASE_WORDS: Record<RunRow['phase'], string> = {
  waiting: 'waiting for volunteers',
  training: 'training',
  aggregating: 'merging the round',
  finished: 'finished',
}

function App() {
  version.value
  const { run } = tables
  return (
    <>
      <p role="status" class={`line ${line.value}`}>
        {LINE_WORDS[line.value]}
      </p>
      {run === null ? (
        <main class="blank">
          <h1>Barnraise</h1>
        </main>
      ) : (
        <Run run={run} />
      )}
    </>
  )
}

function Run({ run }: { run: RunRow }) {
  const percent = Math.round(doneOf(run) * 100)
  return (
    <main>
      <header>
        <h1>{run.name}</h1>
        <p class="soft">
          {run.base} learns from {run.dataset}
        </p>
        <p class="phase">{PHASE_WORDS[run.phase]}</p>
        <progress aria-label="Share of the run that is done" max={100} value={percent} />
      </header>
      {isInvited && (run.phase !== 'finished' || lent.value.phase !== 'idle') && <Lend />}
      <Tiles run={run} />
      <div class="cards">
        <Learning />
        <Grid />
        <People />
        <Try />
        <Rounds />
        <Log />
        <Join />
      </div>
    </main>
  )
}

function Tiles({ run }: { run: RunRow }) {
  const speed = speedOf(run, tables.peers.values())
  const begun = run.phase === 'finished' ? run.round : run.round + 1
  const round = Math.min(begun, run.roundsMax)
  const tiles: [string, string][] = [
    ['volunteers here', String(run.hereCount)],
    ['round', `${round} of ${run.roundsMax}`],
    ['tokens counted', compact(run.countedTokens)],
    ['tokens a second', compact(speed)],
    ['uploaded', byteSize(run.uploadedBytes)],
    ['time so far', duration(run.at - run.startedAt)],
    ['left', timeLeft(run)],
  ]
  return (
    <dl class="tiles">
      {tiles.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

render(<App />, document.getElementById('app')!)
follow()
readInvitation()
if (isInvited) readSensors()
