/** Train and held-out loss by round or by token, what the run began with as a line across. */
import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import type { RoundRow } from '../../history/rows.ts'
import { scoreLine } from '../../history/score-line.ts'
import { judge, learningWords, measuredOf } from '../../history/verdict.ts'
import { colorOf } from './color.ts'
import { isDark } from './screen.ts'
import { tables, version } from './store.ts'

const HEIGHT = 280

type Axis = 'round' | 'tokens'

export function Learning() {
  const axis = useSignal<Axis>('round')
  version.value
  const rounds = [...tables.rounds.values()].sort((a, b) => a.round - b.round)
  const { course, reason, memory } = judge(measuredOf(rounds, tables.run?.metric))
  const scores = scoreLine(rounds)
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
      <Curves rounds={rounds} axis={axis.value} />
      <ul class="legend">
        <li class="train">training loss</li>
        <li class="held-out">held-out loss</li>
        <li class="base">before round 1</li>
      </ul>
    </section>
  )
}

function Curves({ rounds, axis }: { rounds: RoundRow[]; axis: Axis }) {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  useEffect(() => {
    const element = place.current!
    plot.current = new uPlot(optionsOf(element), dataOf(rounds, axis), element)
    const resized = new ResizeObserver(() =>
      plot.current?.setSize({ width: element.clientWidth, height: HEIGHT }),
    )
    resized.observe(element)
    return () => {
      resized.disconnect()
      plot.current?.destroy()
    }
  }, [isDark.value])
  useEffect(() => plot.current?.setData(dataOf(rounds, axis)), [version.value, axis])
  return (
    <div
      ref={place}
      class="curves"
      role="img"
      aria-label={learningWords(measuredOf(rounds, tables.run?.metric))}
    />
  )
}

/** A training loss stands at the end of its round, where the adapter that it made is measured. */
function dataOf(rounds: readonly RoundRow[], axis: Axis): uPlot.AlignedData {
  const base = rounds[0]?.heldOutLoss ?? null
  const [xs, train, heldOut]: [number[], (number | null)[], (number | null)[]] = [[], [], []]
  let tokens = 0
  rounds.forEach((row, index) => {
    xs.push(axis === 'round' ? row.round : tokens)
    heldOut.push(row.heldOutLoss)
    train.push(rounds[index - 1]?.trainLoss ?? null)
    tokens += row.tokens
  })
  return [xs, train, heldOut, xs.map(() => base)] as uPlot.AlignedData
}

/** Rounds and tokens come whole. */
const WHOLE_STEPS = Array.from({ length: 16 }, (_, power) =>
  [1, 2, 5].map((digit) => digit * 10 ** power),
).flat()

function optionsOf(element: HTMLElement): uPlot.Options {
  const color = (name: string) => colorOf(element, name)
  const axis = { stroke: color('--soft'), grid: { stroke: color('--rule'), width: 1 } }
  const curve = (label: string, name: string, more: Partial<uPlot.Series> = {}) => ({
    label,
    stroke: color(name),
    width: 2,
    spanGaps: true,
    points: { fill: color('--card') },
    ...more,
  })
  return {
    width: element.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false },
    scales: { x: { time: false } },
    axes: [{ ...axis, incrs: WHOLE_STEPS }, axis],
    series: [
      {},
      curve('training', '--train'),
      curve('held-out', '--held-out', {
        points: { show: true, size: 7, fill: color('--card') },
      }),
      curve('base', '--soft', { dash: [6, 5], width: 1.5, points: { show: false } }),
    ],
  }
}
