/**
 * A run as it goes, for people: a line for what happened, and at the bottom where the run stands.
 */
import { counted, ratedWords, scoreWords } from '../../protocol/index.ts'
import { compact, doneOf, roundWords } from '../history/figures.ts'
import type { Progress, Standing } from '../history/progress.ts'
import { command, quoted } from './command.ts'
import { bar, clockTime, paint, type Screen } from './terminal.ts'

const BAR_WIDTH = 20
/** Keys are made faster than they are worth remembering. */
const TOLD_MAX = 1024
/** Speed is measured over this long. */
const SPEED_WINDOW_MS = 20_000

export interface LiveView {
  show(fact: Progress): void
  /** Redraws the bottom line. */
  redraw(standing: Standing): void
}

/** @param folder of the run, for what its organiser may want to type */
export function createLiveView(
  screen: Screen,
  stream: NodeJS.WriteStream,
  folder: string,
): LiveView {
  const told = new Set<string>()
  const started = performance.now()
  const samples: { at: number; tokens: number }[] = []
  let loss: number | null = null

  function tokensPerSecond(tokens: number): number {
    const now = performance.now()
    samples.push({ at: now, tokens })
    while (samples.length > 1 && samples[0]!.at < now - SPEED_WINDOW_MS) samples.shift()
    const first = samples[0]!
    return now > first.at ? ((tokens - first.tokens) * 1000) / (now - first.at) : 0
  }

  return {
    show: (fact) => {
      if (fact.type === 'evaluated') loss = fact.loss
      // Whoever waits asks again and again.
      if (fact.type === 'refused' && told.has(`${fact.peer} ${fact.reason}`)) return
      if (told.size === TOLD_MAX) told.clear()
      if (fact.type === 'refused') told.add(`${fact.peer} ${fact.reason}`)
      const line = lineOf(fact, stream, folder)
      const time = clockTime((performance.now() - started) / 1000)
      if (line !== null) screen.print(`${paint('dim', time, stream)}  ${line}`)
    },
    redraw: (standing) => {
      const { countedTokens, here } = standing
      const done = doneOf(standing)
      const elapsed = (performance.now() - started) / 1000
      const left = done > 0 ? clockTime((elapsed / done) * (1 - done)) : '?'
      screen.update(
        [
          `${bar(done, BAR_WIDTH)} round ${roundWords(standing)}`,
          `${here} here`,
          `${compact(countedTokens)} tokens, ${compact(tokensPerSecond(countedTokens))}/s`,
          ...(loss === null ? [] : [`held-out loss ${loss.toFixed(3)}`]),
          `${left} left`,
        ].join(' · '),
      )
    },
  }
}

/** A volunteer reads whom to ask; the organiser, who is asked, what to do. */
function refusalOf(
  { name, peer, refusal, reason }: Extract<Progress, { type: 'refused' }>,
  folder: string,
): string {
  return refusal === 'not-allowed'
    ? `${name} waits for your leave. To give it: ${command(`allow ${quoted(folder)} ${peer}`)}`
    : `${name} was refused: ${reason}`
}

function figuresOf(fact: Extract<Progress, { type: 'evaluated' }>): string {
  const { perplexity, accuracy, margin } = fact
  if (perplexity !== null) return `, perplexity ${perplexity.toFixed(2)}`
  return `, ${ratedWords({ accuracy: accuracy ?? 0, margin: margin ?? 0 })}`
}

const adapterAfter = (round: number): string =>
  round === 0 ? 'before round 1' : `after round ${round}`

function lineOf(fact: Progress, stream: NodeJS.WriteStream, folder: string): string | null {
  switch (fact.type) {
    case 'joined':
      return paint('green', `${fact.name} is here (${fact.here} now)`, stream)
    case 'away':
      return paint('yellow', `${fact.name} is gone (${fact.here} now)`, stream)
    case 'leased':
      return `${fact.name} takes ${counted(fact.steps, 'step')} of round ${fact.round + 1}`
    case 'committed': {
      const loss = `training loss ${fact.loss.toFixed(3)}`
      return `${fact.name} did ${counted(fact.steps, 'step')}, ${loss}`
    }
    case 'refused':
      return paint('yellow', refusalOf(fact, folder), stream)
    case 'revoked':
      return paint('yellow', `${fact.name} lost its lease: ${fact.reason}`, stream)
    case 'evaluated':
      return paint(
        'bold',
        `${adapterAfter(fact.round)}: held-out loss ` +
          `${fact.loss.toFixed(4)}${figuresOf(fact)}` +
          (fact.generalLoss === null ? '' : `; general text ${fact.generalLoss.toFixed(4)}`),
        stream,
      )
    case 'scored':
      return paint('bold', `${adapterAfter(fact.round)}: ${scoreWords(fact)}`, stream)
    case 'round':
      return (
        `round ${fact.round}${fact.roundsMax === null ? '' : ` of ${fact.roundsMax}`} merged, ` +
        `${compact(fact.tokens)} tokens so far`
      )
    case 'rewound': {
      const from = fact.round === 0 ? 'what it began with' : `the adapter after round ${fact.round}`
      return paint(
        'yellow',
        `the run goes on from ${from}: ${counted(fact.dropped, 'round')} less`,
        stream,
      )
    }
    case 'merge-refused': {
      const { round, before, after, isRepeated } = fact
      const losses = `from ${before.toFixed(4)} to ${after.toFixed(4)}`
      const what = isRepeated
        ? `the work of round ${round} is repeated`
        : `round ${round} starts again`
      return paint('yellow', `${what}: its merge raised the held-out loss ${losses}`, stream)
    }
    case 'taken-back': {
      const batches = counted(fact.batches, 'batch')
      const text = `of round ${fact.round}, ${batches}: taken back, and owed again`
      return paint('yellow', text, stream)
    }
    case 'finished':
      return paint('bold', `the run is finished: ${fact.reason}`, stream)
    case 'staying':
      return 'the pages stay open until Ctrl-C'
    case 'ready':
    case 'counted':
    case 'status':
      return null
  }
}
