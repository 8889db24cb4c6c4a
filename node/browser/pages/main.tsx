/** The dashboard: is it learning, who is here, what is happening, how long yet. */
import './language.ts'
import { render } from 'preact'
import {
  auditCount,
  byteSize,
  compact,
  doneOf,
  duration,
  roundWords,
  speedOf,
  timeLeft,
} from '../../history/figures.ts'
import type { RunRow } from '../../history/rows.ts'
import { Join, Log, Rounds } from './cards.tsx'
import { Learning } from './chart.tsx'
import { Check } from './check-card.tsx'
import { Device, Forget } from './device-card.tsx'
import { door, words } from './door.ts'
import { Grid } from './grid.tsx'
import mark from './icon.svg'
import { isApp } from './installed.ts'
import { Lend } from './lend.tsx'
import { goesOn, lent, readSensors } from './lend-store.ts'
import { isOutdated } from './page-version.ts'
import { People } from './people.tsx'
import { Credit } from './receipt.tsx'
import {
  follow,
  invitation,
  isOtherRun,
  joinWord,
  line,
  ownWord,
  tables,
  version,
} from './store.ts'
import { Try } from './try-card.tsx'
import './style.css'
import { TileList } from './tiles.tsx'

const LINE_WORDS = {
  connecting: 'Asking the coordinator…',
  live: 'live',
  broken: 'The coordinator does not answer. Trying again; what you see is what was last heard.',
  unnamed: 'no run',
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
        {line.value === 'broken' && run === null ? 'Trying again.' : LINE_WORDS[line.value]}
      </p>
      {run === null ? <Blank /> : <Run run={run} />}
    </>
  )
}

/** Nothing was heard of a run yet. */
function Blank() {
  return (
    <main class="blank">
      <img src={mark} alt="" />
      <h1>Barnraise</h1>
      {line.value === 'broken' && (
        <>
          <p>
            The run's host cannot be reached. This page keeps trying, and shows the run as soon as
            it answers.
          </p>
          {isApp && goesOn && <p>Training goes on then.</p>}
          <Forget />
        </>
      )}
      {line.value === 'unnamed' && (
        <p>
          Many runs may be reached from here, and nothing says which is yours: open the link that
          the organiser gave you.
        </p>
      )}
    </main>
  )
}

function Run({ run }: { run: RunRow }) {
  const percent = Math.round(doneOf(run) * 100)
  const isInvited = joinWord() !== null
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
      {invitation.value?.word === 'wrong' && (
        <p class="note" role="alert">
          The word after # in this address is not the organiser's: it changes whenever the
          coordinator starts, and `barnraise host` prints the new address. This is what outsiders
          see.
        </p>
      )}
      {isOutdated.value && (
        <p class="note">
          The run's host has another version of this page.{' '}
          <button type="button" onClick={() => location.reload()}>
            Load it
          </button>
        </p>
      )}
      {isOtherRun() && (
        <p class="note">
          This is another run than the one that this browser trained for. To train here, too, open
          the link that its organiser gave you.
        </p>
      )}
      {isInvited && (run.phase !== 'finished' || lent.value.stage !== 'idle') && <Lend />}
      {isInvited && <Credit />}
      <Device />
      <Tiles run={run} />
      <div class="cards">
        <Learning />
        <Grid />
        <People />
        <Try />
        <CheckRun run={run} />
        <Rounds />
        <Log />
        <Join />
      </div>
    </main>
  )
}

/** What proves the run goes to whoever may join it. */
function CheckRun({ run }: { run: RunRow }) {
  const word = ownWord()
  if (word === null || run.round === 0 || door.value === null) return null
  const trusted = { run: run.runId, coordinator: invitation.value?.coordinator ?? null }
  const bytes = run.baseBytes + run.uploadedBytes
  return <Check door={door.value} folder="proof/" word={word} trusted={trusted} bytes={bytes} />
}

function Tiles({ run }: { run: RunRow }) {
  const speed = speedOf(run, tables.peers.values())
  const tiles: [string, string][] = [
    ['volunteers here', String(run.hereCount)],
    ['round', roundWords(run)],
    ['tokens counted', compact(run.countedTokens)],
    ['tokens a second', compact(speed)],
    ['uploaded', byteSize(run.uploadedBytes)],
    ['audits', auditCount(run.audits)],
    ['time so far', duration(run.at - run.startedAt)],
    ['left', timeLeft(run)],
  ]
  return <TileList tiles={tiles} />
}

render(<App />, document.getElementById('app')!)
void follow()
if (words.has('join')) void readSensors()
