/**
 * Is it learning: train and held-out loss by round or by token, what the run began with as a line
 * across; and below, where there are any, what else is measured of each adapter: accuracy and
 * margin of rated answers, and the run's own scores.
 */
import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import type { RoundRow } from '../../history/rows.ts'
import { scoreLine } from '../../history/score-line.ts'
import { judge, learningWords, measuredOf } from '../../history/verdict.ts'
import { colorOf } from './color.ts'
import { type FIGURES, figuresIn } from './round-figures.ts'
import { isDark } from './screen.ts'
import { tables, version } from './store.ts'

type Axis = 'round' | 'tokens'

export function Learning() {
  const axis = useSignal<Axis>('round')
  version.value
  const rounds = [...tables.rounds.values()].sort((a, b) => a.round - b.round)
  const measured = measuredOf(rounds, tables.run?.metric)
  const { course, reason, memory } = judge(measured)
  const scores = scoreLine(rounds)
  const figures = figuresIn(rounds)
  const names = figures.map(({ name }) => name).join(', ')
  return (
    <section class="card wide" aria-labelledby="learning">
      <div class="head">
        <h2 id="learning">Is it learning?</h2>
        <fieldset class="choice">
          <legend class="hidden">Horizontal axis</legend>
          {(['round', 'tokens'] as const).map((each) => (
            <label key={each}>
              <input
                type="radio"
                name="axis"
                checked={axis.value === each}
                onChange={() => {
                  axis.value = each
                }}
              />
              <span>by {each === 'round' ? 'round' : 'token'}</span>
            </label>
          ))}
        </fieldset>
      </div>
      <p class={`words ${course}`}>{reason}</p>
      {memory !== null && <p class={memory.forgets ? 'words forgets' : 'words'}>{memory.reason}</p>}
      {scores !== null && <p class="words">{scores}</p>}
      <Curves
        kind="losses"
        label={learningWords(measured)}
        series={lossSeries}
        data={lossesOf(rounds, axis.value)}
      />
      <ul class="legend">
        <li class="train">training loss</li>
        <li class="held-out">held-out loss</li>
        <li class="base">before round 1</li>
      </ul>
      {figures.length > 0 && (
        <>
          <Curves
            // Figures that come later have a plot of their own.
            key={names}
            kind="figures"
            label={`${names}, ${axis.value === 'round' ? 'by round' : 'by token'}`}
            series={figureSeries(figures)}
            data={figureData(rounds, figures, axis.value)}
          />
          <ul class="legend">
            {figures.map(({ field, name, isShare }) => (
              <li key={field} class={field}>
                {isShare ? `${name}, in %` : `${name}, on the right`}
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  )
}

interface CurvesProps {
  kind: 'losses' | 'figures'
  label: string
  /** But for the horizontal one. */
  series(color: (name: string) => string): uPlot.Series[]
  data: uPlot.AlignedData
}

function Curves({ kind, label, series, data }: CurvesProps) {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const axis = data[0]!.join()
  useEffect(() => {
    const element = place.current!
    const size = () => ({ width: element.clientWidth, height: element.clientHeight })
    plot.current = new uPlot({ ...size(), ...optionsOf(element, series) }, data, element)
    const resized = new ResizeObserver(() => plot.current?.setSize(size()))
    resized.observe(element)
    return () => {
      resized.disconnect()
      plot.current?.destroy()
    }
  }, [isDark.value])
  useEffect(() => plot.current?.setData(data), [version.value, axis])
  return <div ref={place} class={`curves ${kind}`} role="img" aria-label={label} />
}

/** Where each round stands on the horizontal axis. */
function placesOf(rounds: readonly RoundRow[], axis: Axis): number[] {
  let tokens = 0
  return rounds.map((row) => {
    const place = axis === 'round' ? row.round : tokens
    tokens += row.tokens
    return place
  })
}

/** A training loss stands at the end of its round, where the adapter that it made is measured. */
function lossesOf(rounds: readonly RoundRow[], axis: Axis): uPlot.AlignedData {
  const base = rounds[0]?.heldOutLoss ?? null
  return [
    placesOf(rounds, axis),
    rounds.map((_, index) => rounds[index - 1]?.trainLoss ?? null),
    rounds.map((row) => row.heldOutLoss),
    rounds.map(() => base),
  ]
}

type Figures = typeof FIGURES

function figureData(rounds: readonly RoundRow[], figures: Figures, axis: Axis): uPlot.AlignedData {
  const values = figures.map(({ of, isShare }) =>
    rounds.map((row) => {
      const value = of(row)
      return value === null ? null : value * (isShare ? 100 : 1)
    }),
  )
  return [placesOf(rounds, axis), ...values]
}

const lossSeries: CurvesProps['series'] = (color) => [
  curve('training', color('--train'), color),
  measuredCurve('held-out', color('--held-out'), color),
  { ...curve('base', color('--soft'), color), dash: [6, 5], width: 1.5, points: { show: false } },
]

const figureSeries =
  (figures: Figures): CurvesProps['series'] =>
  (color) =>
    figures.map(({ name, color: own, isShare }) =>
      Object.assign(measuredCurve(name, color(own), color), {
        scale: isShare ? 'y' : RIGHT,
        ...(!isShare && { dash: [6, 5] }),
      }),
    )

/** The scale of what is no share. */
const RIGHT = 'right'

function curve(label: string, stroke: string, color: (name: string) => string): uPlot.Series {
  return { label, stroke, width: 2, spanGaps: true, points: { fill: color('--card') } }
}

const measuredCurve = (label: string, stroke: string, color: (name: string) => string) => ({
  ...curve(label, stroke, color),
  points: { show: true, size: 7, fill: color('--card') },
})

/** Rounds and tokens come whole. */
const WHOLE_STEPS = Array.from({ length: 16 }, (_, power) =>
  [1, 2, 5].map((digit) => digit * 10 ** power),
).flat()

function optionsOf(
  element: HTMLElement,
  seriesOf: CurvesProps['series'],
): Omit<uPlot.Options, 'width' | 'height'> {
  const color = (name: string) => colorOf(element, name)
  const axis = { stroke: color('--soft'), grid: { stroke: color('--rule'), width: 1 } }
  const series = seriesOf(color)
  const hasRight = series.some(({ scale }) => scale === RIGHT)
  const right = { ...axis, scale: RIGHT, side: 1, grid: { show: false } }
  return {
    legend: { show: false },
    cursor: { y: false },
    scales: { x: { time: false } },
    axes: [{ ...axis, incrs: WHOLE_STEPS }, axis, ...(hasRight ? [right] : [])],
    series: [{}, ...series],
  }
}
