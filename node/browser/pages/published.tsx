/** The page of a published run: what it was, who trained, and how to check it. */
import './language.ts'
import { signal } from '@preact/signals'
import { render } from 'preact'
import { byteSize, compact, duration } from '../../history/figures.ts'
import { applyChanges, type Changes, type RunRow } from '../../history/rows.ts'
import type { Publication } from '../../run/publication.ts'
import { Learning } from './chart.tsx'
import { Check } from './check-card.tsx'
import { tables, version } from './store.ts'
import './style.css'
import { TileList } from './tiles.tsx'
import { namesakesAmong, Who } from './who.tsx'

const PEOPLE_SHOWN = 100

type Loaded =
  | { stage: 'loading' }
  | { stage: 'ready'; publication: Publication }
  | { stage: 'failed'; reason: string }

const loaded = signal<Loaded>({ stage: 'loading' })
/** What a link to this page says of the run beforehand: `#run=…&coordinator=…`. */
const words = new URLSearchParams(location.hash.slice(1))

function App() {
  version.value
  const state = loaded.value
  if (state.stage === 'ready') return <Run run={tables.run!} publication={state.publication} />
  return (
    <main class="blank">
      <h1>Barnraise</h1>
      {state.stage === 'failed' && <p role="alert">{state.reason}</p>}
    </main>
  )
}

function Run({ run, publication }: { run: RunRow; publication: Publication }) {
  const { runId, coordinator, files } = publication
  const trusted = {
    run: words.get('run') ?? runId,
    coordinator: words.get('coordinator') ?? coordinator,
  }
  const bytes = files
    .filter(({ path }) => !path.endsWith('.js'))
    .reduce((sum, file) => sum + file.bytes, 0)
  return (
    <main>
      <header>
        <h1>{run.name}</h1>
        <p class="soft">
          {run.base} learned from {run.dataset}
        </p>
        <dl class="found">
          <div>
            <dt>run</dt>
            <dd>{runId}</dd>
          </div>
          <div>
            <dt>coordinator</dt>
            <dd>{coordinator}</dd>
          </div>
        </dl>
        <p class="soft">
          These two are what a check is about: compare them with what its organiser told you.
        </p>
      </header>
      <TileList
        tiles={[
          ['rounds', String(run.round)],
          ['contributions', String(run.contributions)],
          ['tokens counted', compact(run.countedTokens)],
          ['uploaded', byteSize(run.uploadedBytes)],
          ['time', duration(run.at - run.startedAt)],
        ]}
      />
      <div class="cards">
        <Check
          door={{ address: new URL('.', location.href).href, relayed: [] }}
          folder=""
          word={null}
          trusted={trusted}
          bytes={bytes}
        />
        <Learning />
        <Volunteers />
      </div>
    </main>
  )
}

function Volunteers() {
  const peers = [...tables.peers.values()]
    .filter(({ credit }) => credit.contributions > 0)
    .sort((a, b) => b.credit.tokens - a.credit.tokens)
  const rest = peers.length - PEOPLE_SHOWN
  const namesakes = namesakesAmong(peers)
  return (
    <section class="card wide" aria-labelledby="people">
      <h2 id="people">Who trained</h2>
      <table>
        <thead>
          <tr>
            <th scope="col">name</th>
            <th scope="col" class="figure">
              tokens counted
            </th>
            <th scope="col" class="figure">
              contributions
            </th>
          </tr>
        </thead>
        <tbody>
          {peers.slice(0, PEOPLE_SHOWN).map(({ peer, name, credit }) => (
            <tr key={peer}>
              <td>
                <Who peer={peer} name={name} hasNamesake={namesakes.has(name)} />
              </td>
              <td class="figure">{compact(credit.tokens)}</td>
              <td class="figure">{credit.contributions}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {rest > 0 && <p class="soft">and {rest} more</p>}
    </section>
  )
}

async function load(): Promise<void> {
  const read = async (file: string) => {
    const response = await fetch(file)
    if (!response.ok)
      throw new Error(`${file} does not come: the server answers ${response.status}`)
    return response.json()
  }
  const publication = (await read('publication.json')) as Publication
  applyChanges(tables, (await read('run.json')) as Changes)
  document.title = `${publication.name}, a run of Barnraise`
  loaded.value = { stage: 'ready', publication }
}

render(<App />, document.getElementById('app')!)
load().catch((error: Error) => {
  loaded.value = { stage: 'failed', reason: error.message }
})
