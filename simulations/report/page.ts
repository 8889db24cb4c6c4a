/** The report: one page, everything in it, nothing asked of anybody. */
import { CAUSES, type Cause } from '../accounts.ts'
import type { Figures, SampleFigures } from './figures.ts'
import { methodsOf } from './methods.ts'
import { escaped, gantt, histogram, linePlot, type Span } from './svg.ts'

const HOUR_MS = 3_600_000
/** More points than pixels show nothing more. */
const POINTS_MAX = 1_400
const CLASSES = 24

const CAUSE_WORDS: Record<Cause, string> = {
  waiting: 'waiting: between rounds, or asking for work',
  loading: 'loading: connecting, fetching what a round needs',
  auditing: 'auditing: repeating what others did, to compare',
  departed: 'departed: work whose maker went before it was handed in',
  late: 'late: work that came after its round or lease was over',
  failed: 'failed: training that failed, results that were refused',
  unfinished: 'unfinished: work for a round that was open at the end',
}

/** HTML of one simulation. */
export function reportPage(figures: Figures, title: string): string {
  const samples = thinned(figures.samples)
  const sections = [
    ['Volunteers online', online(samples)],
    ['Where their time went', waste(figures)],
    ['Goodput over time', goodput(samples)],
    ['Rounds', rounds(figures)],
    ['How long rounds took', roundTimes(figures)],
    ['Bytes through the coordinator', bytes(samples)],
    ...learning(figures),
    ['Leases of some volunteers', leases(figures)],
    ...attacks(figures),
    ['What went wrong', failures(figures)],
    ['How this was made', made(figures)],
  ] as const
  const body = sections.map(([name, html]) => `<section><h2>${name}</h2>${html}</section>`)
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
<main>
<header><h1>${escaped(title)}</h1>${summary(figures)}</header>
${body.join('\n')}
</main>
</html>
`
}

function summary({
  goodput,
  rounds,
  onlineHours,
  days,
  violations,
  seed,
  energy,
}: Figures): string {
  const tiles: [string, string][] = [
    ['goodput', percent(goodput)],
    ['rounds', String(rounds.length)],
    ['time online', `${Math.round(onlineHours).toLocaleString('en')} h`],
    ['simulated', `${Number(days.toPrecision(4))} day${days === 1 ? '' : 's'}`],
    ['energy, estimated', `${energy.kwh.toPrecision(3)} kWh`],
    ['CO2, estimated', `${energy.co2Kg.toPrecision(3)} kg`],
    ['seed', String(seed)],
    ['violations', String(violations.length)],
  ]
  const divs = tiles.map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`)
  return `<dl>${divs.join('')}</dl>`
}

function online(samples: readonly SampleFigures[]): string {
  const points = samples.map(({ hours, online }) => ({ x: hours, y: online }))
  return linePlot([{ name: 'online', color: 'c1', points, isArea: true }], {
    title: 'Volunteers online over time',
    xLabel: 'hours',
    yLabel: 'volunteers',
  })
}

function goodput(samples: readonly SampleFigures[]): string {
  const points = samples.flatMap(({ hours, goodput }) =>
    goodput === null ? [] : [{ x: hours, y: 100 * goodput }],
  )
  return linePlot([{ name: 'goodput', color: 'c2', points }], {
    title: 'Goodput over time',
    xLabel: 'hours',
    yLabel: '% of time online',
    yMax: 100,
  })
}

function waste({ goodput, waste: shares }: Figures): string {
  const parts: [string, string, number][] = [
    ['counted', 'counted: steps that are in the adapter', goodput],
    ...CAUSES.map((cause): [string, string, number] => [cause, CAUSE_WORDS[cause], shares[cause]]),
  ]
  const bar = parts.map(
    ([name, , share]) => `<span class="${name}" style="flex-grow:${share.toFixed(5)}"></span>`,
  )
  const list = parts.map(
    ([name, words, share]) => `<li><i class="${name}"></i>${words}<b>${percent(share)}</b></li>`,
  )
  return `<div class="shares">${bar.join('')}</div><ul class="legend">${list.join('')}</ul>`
}

function rounds({ rounds: all }: Figures): string {
  const points = all.map(({ mergedAt, batches }) => ({ x: mergedAt / HOUR_MS, y: batches }))
  return linePlot([{ name: 'batches', color: 'c3', points, isStep: true }], {
    title: 'Batches merged by round',
    xLabel: 'hours',
    yLabel: 'batches a round',
  })
}

function roundTimes({ rounds: all }: Figures): string {
  const minutes = all.map(({ startedAt, mergedAt }) => (mergedAt - startedAt) / 60_000)
  return histogram(minutes, CLASSES, {
    title: 'Distribution of round times',
    xLabel: 'minutes',
    yLabel: 'rounds',
  })
}

function bytes(samples: readonly SampleFigures[]): string {
  const of = (name: 'bytesUp' | 'bytesDown') =>
    samples.map((sample) => ({ x: sample.hours, y: sample[name] / 1e9 }))
  const plot = linePlot(
    [
      { name: 'received', color: 'c1', points: of('bytesUp') },
      { name: 'sent', color: 'c3', points: of('bytesDown') },
    ],
    {
      title: 'Bytes that the coordinator received (full line) and sent (dashed)',
      xLabel: 'hours',
      yLabel: 'GB',
    },
  )
  return (
    `${plot}<ul class="legend"><li><i class="c1"></i>received</li>` +
    '<li><i class="c3 dashed"></i>sent</li></ul>'
  )
}

/** Where numbers are real. */
function learning({ rounds: all }: Figures): [string, string][] {
  const known = all.filter(({ loss }) => loss !== null)
  if (known.length === 0) return []
  let tokens = 0
  const byToken = all.flatMap((round) => {
    tokens += round.tokens
    return round.loss === null ? [] : [{ x: tokens, y: round.loss }]
  })
  const byTime = known.map(({ mergedAt, loss }) => ({ x: mergedAt / HOUR_MS, y: loss! }))
  const options = { title: 'Held-out loss', yLabel: 'nats a token' }
  return [
    [
      'Held-out loss by time',
      linePlot([{ name: 'loss', color: 'c2', points: byTime }], { ...options, xLabel: 'hours' }),
    ],
    [
      'Held-out loss by tokens',
      linePlot([{ name: 'loss', color: 'c2', points: byToken }], { ...options, xLabel: 'tokens' }),
    ],
  ]
}

function leases({ leases: bars, samples }: Figures): string {
  const lanes = [...new Set(bars.map(({ peer }) => peer))]
  const laneOf = new Map(lanes.map((peer, lane) => [peer, lane]))
  const end = samples.at(-1)?.hours ?? 1
  const spans = bars.map(({ peer, from, to, fate }): Span => {
    const until = to === null ? end : to / HOUR_MS
    const color = fate ?? 'open'
    return { lane: laneOf.get(peer)!, from: from / HOUR_MS, to: until, color }
  })
  const legend =
    '<ul class="legend"><li><i class="counted"></i>handed in</li>' +
    '<li><i class="lost"></i>lost</li><li><i class="open"></i>open at the end</li></ul>'
  return gantt(spans, lanes, Math.max(end, 1e-9)) + legend
}

function failures({ failures: counts, violations }: Figures): string {
  const rows = Object.entries(counts).sort(([, a], [, b]) => b - a)
  const list = rows.map(([name, count]) => `<li>${escaped(name)}<b>${count}</b></li>`)
  const broken = violations.map((what) => `<li class="broken">violated: ${escaped(what)}</li>`)
  if (rows.length === 0 && broken.length === 0) return '<p>Nothing.</p>'
  return `<ul class="legend">${broken.join('')}${list.join('')}</ul>`
}

/** Where somebody attacked. */
function attacks({ attacks: { falseAccusations, byAttacker } }: Figures): [string, string][] {
  const kinds = Object.entries(byAttacker)
  if (kinds.length === 0) return []
  const rows = kinds.map(([name, { identities, found, bad, caught, caughtAfterMedian }]) => {
    const after = caughtAfterMedian === null ? '-' : String(caughtAfterMedian)
    return rowOf('td', [name, `${found} of ${identities}`, String(bad), String(caught), after])
  })
  const head = rowOf('th', ['attacker', 'found', 'lies', 'caught', 'found after, lies'])
  const accused = `<p>Honest volunteers that were accused: ${falseAccusations}.</p>`
  return [['Attackers', `<table>${head}${rows.join('')}</table>${accused}`]]
}

function rowOf(cell: 'th' | 'td', texts: readonly string[]): string {
  const cells = texts.map((text) => `<${cell}>${escaped(text)}</${cell}>`)
  return `<tr>${cells.join('')}</tr>`
}

function made(figures: Figures): string {
  const { command, traceDigest, events, trace, settings, set, version, commit } = figures
  const { up, down } = figures.bytes
  const size = `${gigabytes(up)} received, ${gigabytes(down)} sent`
  const rows: [string, string][] = [
    ['Barnraise', commit === null ? version : `${version}, ${commit}`],
    ['seed', String(figures.seed)],
    ['trace digest', traceDigest],
    ...(trace === null ? [] : [['trace', `${trace.file}, SHA-256 ${trace.digest}`] as const]),
    ['set by hand', set.join(' ') || 'nothing'],
    ['events', `${events.toLocaleString('en')}; ${size}`],
  ].map(([name, value]) => [name!, value!])
  const table = rows.map(([name, value]) => rowOf('td', [name, value])).join('')
  return (
    "<p>The coordinator's and the volunteers' own state machines, in virtual time. This command " +
    `makes it again, to the byte:</p><pre>${escaped(command)}</pre>` +
    `<table class="made">${table}</table><h3>Methods, to paste</h3>` +
    `<p>${escaped(methodsOf(figures))}</p><details><summary>All settings</summary>` +
    `<pre>${escaped(JSON.stringify(settings, null, 1))}</pre></details>`
  )
}

/** Every so many-th, and the last. */
function thinned<T>(all: readonly T[]): T[] {
  const every = Math.ceil(all.length / POINTS_MAX)
  return all.filter((_, index) => index % every === 0 || index === all.length - 1)
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`
const gigabytes = (count: number): string => `${(count / 1e9).toFixed(2)} GB`

const STYLE = `
:root{
color-scheme:light dark;--page:light-dark(#f6f4ef,#16181b);--card:light-dark(#fff,#1f2226);
--ink:light-dark(#22262b,#e8e6e1);--soft:light-dark(#5d646c,#a4abb3);
--rule:light-dark(#e3dfd6,#32373d);--c1:light-dark(#1c6e8c,#6bc1de);
--c2:light-dark(#2f7d4f,#5fbf85);--c3:light-dark(#b5651d,#e0a565);
--waiting:light-dark(#9aa7b1,#6d7a86);--loading:light-dark(#5b8fb0,#7fb4d4);
--auditing:light-dark(#4d8a83,#79bdb4);
--departed:light-dark(#8a5fa8,#b995d3);--late:light-dark(#dd9a37,#d7a04c);
--failed:light-dark(#b3261e,#f2726a);--unfinished:light-dark(#c9c2b4,#4a4f56);
font:16px/1.5 system-ui,sans-serif;}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink)}
main{
max-width:1240px;margin:0 auto;padding:1.25rem;display:grid;gap:1rem;
grid-template-columns:repeat(auto-fit,minmax(min(100%,34rem),1fr));}
header{grid-column:1/-1}
h1{margin:0 0 .6rem;font-size:1.6rem;overflow-wrap:anywhere}
h2{margin:0 0 .5rem;font-size:1.05rem}
section,dl div{
background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:1rem;min-width:0;}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(8rem,1fr));gap:.75rem;margin:0}
dl div{padding:.6rem .9rem}
dt{font-size:.8rem;color:var(--soft)}
dd{margin:0;font-size:1.25rem;font-variant-numeric:tabular-nums}
svg{display:block;width:100%;height:auto}
.shares{display:flex;height:2.4rem;border-radius:6px;overflow:hidden;gap:1px}
.shares span{flex-basis:0;min-width:1px}
.counted{background:var(--c2)}
.c1{background:var(--c1)}
.c3{background:var(--c3)}
.dashed{background:repeating-linear-gradient(90deg,var(--c3) 0 4px,transparent 4px 6px)}
.lost{border:1.5px dashed var(--c3)}
.open{background:var(--waiting)}
.waiting{background:var(--waiting)}
.loading{background:var(--loading)}
.auditing{background:var(--auditing)}
.departed{background:var(--departed)}
.late{background:var(--late)}
.failed{background:var(--failed)}
.unfinished{background:var(--unfinished)}
svg [class]{background:none;border:0}
.loading,.departed,.failed{
background-image:repeating-linear-gradient(45deg,transparent 0 3px,var(--card) 3px 4px);}
.auditing,.late,.unfinished{
background-image:repeating-linear-gradient(90deg,transparent 0 3px,var(--card) 3px 4px);}
.legend{list-style:none;padding:0;margin:.7rem 0 0;font-size:.9rem}
.legend li{display:flex;align-items:baseline;gap:.5rem}
.legend b{margin-left:auto;white-space:nowrap;font-variant-numeric:tabular-nums}
.legend i{flex:none;width:.8em;height:.8em;border-radius:2px}
.broken{color:var(--failed)}
pre{overflow:auto;background:var(--page);padding:.6rem;border-radius:6px;font-size:.85rem}
.made td:last-child{overflow-wrap:anywhere}
h3{margin:1rem 0 .4rem;font-size:1rem}
p{margin:.4rem 0;overflow-wrap:anywhere}
main>section:last-child{grid-column:1/-1}
table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}
th,td{padding:.2rem .8rem .2rem 0;text-align:left;border-bottom:1px solid var(--rule)}
`
