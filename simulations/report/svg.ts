/**
 * Plots as SVG that need nothing of a page: each has its styles, its caption and its background in
 * it, so that it can be saved alone. What colours tell apart, dashes and patterns do too.
 */

export interface Point {
  x: number
  y: number
}

export interface Series {
  name: string
  /** One of the plot's colours: `c1`, `c2`, `c3`. */
  color: string
  points: readonly Point[]
  /** Filled down to 0. */
  isArea?: boolean
  /** Holds its value until the next point. */
  isStep?: boolean
}

export interface PlotOptions {
  /** The caption. */
  title: string
  xLabel: string
  yLabel: string
  /** What the axes show of a value. */
  format?: (value: number) => string
  /** The top of the y axis, at least. */
  yMax?: number
}

const WIDTH = 480
const HEIGHT = 260
const LEFT = 56
const RIGHT = 12
const TOP = 10
const BOTTOM = 40
const TICKS = 5

interface Frame {
  x(value: number): number
  y(value: number): number
  xMin: number
  xMax: number
  yMax: number
}

/** Points beyond what a plot can show are drawn all the same: thin them out first. */
export function linePlot(series: readonly Series[], options: PlotOptions): string {
  const all = series.flatMap(({ points }) => points)
  const frame = frameOf(
    Math.max(1e-9, ...all.map(({ x }) => x)),
    Math.max(1e-9, options.yMax ?? 0, ...all.map(({ y }) => y)),
  )
  return plot(options, frame, series.map((one) => curve(one, frame)).join(''))
}

function curve({ points, color, isArea = false, isStep = false }: Series, frame: Frame): string {
  if (points.length === 0) return ''
  const at = ({ x, y }: Point) => `${round(frame.x(x))} ${round(frame.y(y))}`
  const [first, ...rest] = points
  const line = rest.reduce(
    (path, point) => `${path}${isStep ? `H${round(frame.x(point.x))}` : ''}L${at(point)}`,
    `M${at(first!)}`,
  )
  const [begin, end] = [frame.x(first!.x), frame.x(points.at(-1)!.x)]
  const area = `${line}L${round(end)} ${frame.y(0)}L${round(begin)} ${frame.y(0)}Z`
  const fill = isArea ? `<path class="area ${color}" d="${area}"/>` : ''
  return `${fill}<path class="line ${color}" d="${line}"/>`
}

/** How often values fall into each of `count` equal classes. */
export function histogram(values: readonly number[], count: number, options: PlotOptions): string {
  const [min, max] = [Math.min(...values, 1e9), Math.max(...values, 0)]
  // Where all are alike, a tenth to either side.
  const margin = max - min < max / 100 ? max / 10 + 1e-9 : 0
  const [first, classWidth] = [min - margin, (max - min + 2 * margin) / count]
  const counts = Array<number>(count).fill(0)
  for (const value of values) {
    counts[Math.min(count - 1, Math.floor((value - first) / classWidth))]! += 1
  }
  const frame = frameOf(first + classWidth * count, Math.max(1, ...counts), first)
  const width = (WIDTH - LEFT - RIGHT) / count
  const bars = counts.map((number, index) => {
    const [x, y] = [LEFT + index * width, frame.y(number)]
    return rect('bar', x, y, width - 1, frame.y(0) - y)
  })
  return plot(options, frame, bars.join(''))
}

export interface Span {
  lane: number
  from: number
  to: number
  color: string
}

const LANE_PX = 14
const BAR_PX = 10

/** Spans in lanes, over time. */
export function gantt(spans: readonly Span[], lanes: readonly string[], xMax: number): string {
  const height = lanes.length * LANE_PX + BOTTOM
  const x = (value: number) => LEFT + (value / xMax) * (WIDTH - LEFT - RIGHT)
  const names = lanes.map((name, lane) => tick(LEFT - 6, lane * LANE_PX + 10, escaped(name), 'end'))
  const bars = spans.map(({ lane, from, to, color }) =>
    rect(`span ${color}`, x(from), lane * LANE_PX + 2, Math.max(0.6, x(to) - x(from)), BAR_PX),
  )
  const ticks = nice(xMax).map((value) => tick(x(value), height - BOTTOM + 16, String(value)))
  const label = tick((LEFT + WIDTH) / 2, height - 6, 'hours')
  const body = [...names, ...bars, ...ticks, label].join('')
  return svg(height, 'Leases of some volunteers: full, handed in; dashed, lost; grey, open', body)
}

function frameOf(xMax: number, yMax: number, xMin = 0): Frame {
  return {
    xMin,
    xMax,
    yMax,
    x: (value) => LEFT + ((value - xMin) / (xMax - xMin)) * (WIDTH - LEFT - RIGHT),
    y: (value) => HEIGHT - BOTTOM - (value / yMax) * (HEIGHT - BOTTOM - TOP),
  }
}

function plot({ title, xLabel, yLabel, format = plain }: PlotOptions, frame: Frame, body: string) {
  const rows = nice(frame.yMax).map((value) => {
    const y = round(frame.y(value))
    const line = `<path class="grid" d="M${LEFT} ${y}H${WIDTH - RIGHT}"/>`
    return line + tick(LEFT - 6, y + 4, format(value), 'end')
  })
  const columns = nice(frame.xMax, frame.xMin).map((value) =>
    tick(frame.x(value), HEIGHT - BOTTOM + 16, plain(value)),
  )
  const turned = `transform="translate(12 ${HEIGHT / 2 - 10}) rotate(-90)"`
  const labels =
    tick((LEFT + WIDTH) / 2, HEIGHT - 6, xLabel) +
    `<text class="tick" ${turned} text-anchor="middle">${yLabel}</text>`
  return svg(HEIGHT, title, rows.join('') + body + columns.join('') + labels)
}

function tick(x: number, y: number, text: string, anchor = 'middle'): string {
  return `<text class="tick" x="${round(x)}" y="${y}" text-anchor="${anchor}">${text}</text>`
}

function rect(name: string, x: number, y: number, width: number, height: number): string {
  const [w, h] = [round(width), round(height)]
  return `<rect class="${name}" x="${round(x)}" y="${round(y)}" width="${w}" height="${h}"/>`
}

function svg(height: number, title: string, body: string): string {
  const whole = height + CAPTION_PX
  const box = `xmlns="${NAMESPACE}" viewBox="0 0 ${WIDTH} ${whole}"`
  const caption = `<text class="caption" x="4" y="${whole - 6}">${escaped(title)}</text>`
  const back = `<rect class="back" width="${WIDTH}" height="${whole}"/>`
  const inside = `<style>${STYLE}</style>${back}${body}${caption}`
  return `<svg ${box} role="img" aria-label="${escaped(title)}">${inside}</svg>`
}

const NAMESPACE = 'http://www.w3.org/2000/svg'
const CAPTION_PX = 22

/** Plain colours: programs that draw saved pictures know neither variables nor `light-dark`. */
const STYLE = `
.back{fill:#fff}
.tick,.caption{font:12px system-ui,sans-serif;fill:#5d646c}
.caption{font-weight:600}
.grid{stroke:#e3dfd6;fill:none}
.line{fill:none;stroke-width:2;stroke-linejoin:round}
.area{opacity:.18}
.line.c1{stroke:#1c6e8c}
.line.c2{stroke:#2f7d4f}
.line.c3{stroke:#b5651d;stroke-dasharray:7 3}
.area.c1,.bar{fill:#1c6e8c}
.span{stroke-width:1.5}
.span.counted{fill:#2f7d4f}
.span.lost{fill:#fff;stroke:#b5651d;stroke-dasharray:2 2}
.span.open{fill:#9aa7b1;stroke:#5d646c}
@media (prefers-color-scheme:dark){
.back{fill:#1f2226}
.tick,.caption{fill:#a4abb3}
.grid{stroke:#32373d}
.line.c1{stroke:#6bc1de}
.line.c2{stroke:#5fbf85}
.line.c3{stroke:#e0a565}
.area.c1,.bar{fill:#6bc1de}
.span.counted{fill:#5fbf85}
.span.lost{fill:#1f2226;stroke:#e0a565}
.span.open{fill:#6d7a86;stroke:#a4abb3}
}`

/** A few round values from min to max. */
function nice(max: number, min = 0): number[] {
  const range = max - min
  let step = 10 ** Math.floor(Math.log10(range / TICKS))
  for (const factor of [2, 5, 10]) if (range / step > TICKS) step = factor * base(step)
  const first = Math.ceil(min / step - 1e-9)
  return Array.from({ length: Math.floor(max / step + 1e-9) - first + 1 }, (_, index) =>
    Number(((first + index) * step).toPrecision(6)),
  )
}

const base = (step: number): number => 10 ** Math.floor(Math.log10(step) + 1e-9)

function plain(value: number): string {
  if (value >= 1e9) return `${Number((value / 1e9).toPrecision(3))} G`
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))} M`
  return value >= 1e4 ? `${Number((value / 1e3).toPrecision(3))} k` : String(value)
}

const round = (value: number): number => Math.round(value * 10) / 10

export function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`)
}
