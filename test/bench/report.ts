/** The figures as Markdown, ratios first, and their place in docs/kernels.md. */
import { type Figures, OTHERS, type ProductRow, type StepName, VARIANT_NAMES } from './sections.ts'

const START = '<!-- npm run bench -- --record -->'
const END = '<!-- end of the tables of record -->'

/** The document with the tables between its two marks. Throws Error where it has no marks. */
export function withTable(document: string, markdown: string): string {
  const [from, to] = [document.indexOf(START), document.indexOf(END)]
  if (from < 0 || to < from) throw new Error('docs/kernels.md has no place for the tables')
  return `${document.slice(0, from + START.length)}\n\n${markdown}\n${document.slice(to)}`
}

export function markdownOf(figures: Figures, products: readonly ProductRow[]): string {
  const { machine, kernels, threads, memory } = figures
  return [
    `Machine: ${machine.cpu}, Node ${machine.node}, V8 ${machine.v8}, ${machine.date}. CPU time of`,
    'one thread, medians of interleaved rounds, with quartiles for steps; "x other" = seconds of',
    'the other / ours.',
    '',
    ...productTable(figures),
    '',
    ...stepTable('r = 8', figures.step),
    ...(figures.stepOfRank16 === null ? [] : ['', ...stepTable('r = 16', figures.stepOfRank16)]),
    '',
    `Two threads: ${number(threads.speedup2)} times as fast by the wall, CPU efficiency`,
    `${number(threads.cpuEfficiency2)}. The kernels are compiled in`,
    `${number(kernels.compileMs)} ms; the first products of a process take`,
    `${kernels.firstProducts.map((ratio) => number(ratio)).join(', ')} of what they come to.`,
    '',
    ...memoryTable(memory),
    '',
    ...rateTable(products),
    ...(figures.scaling === null ? [] : ['', ...scalingTable(figures.scaling)]),
    '',
  ].join('\n')
}

function productTable({ gemm }: Figures): string[] {
  const others = Object.entries(OTHERS)
  return [
    ...head(['product', 'GF/s', ...others.map(([, name]) => `x ${name}`)]),
    ...VARIANT_NAMES.map((name) =>
      row([
        name,
        number(gemm[name].gflops, 0),
        ...others.map(([key]) => number(gemm[name][`vs${key}` as 'vsOrt'])),
      ]),
    ),
    '',
    `Dequantising int8 while packing, against float32: ${number(gemm.dequantise.vsF32)};`,
    `widened ${number(gemm.dequantise.wideVsF32Wide)}.`,
  ]
}

function stepTable(title: string, step: Figures['step']): string[] {
  const names = Object.keys(step) as StepName[]
  return [
    ...head([
      `LoRA step, 135M, ${title}`,
      'x torch',
      'x torch bf16',
      'tokens/s',
      'CPU s',
      'peak',
      'not products',
      'longest op',
    ]),
    ...names.map((name) => {
      const figures = step[name]
      return row([
        name,
        spread(figures.vsTorch, figures.quartiles.vsTorch),
        spread(figures.vsTorchBfloat16, figures.quartiles.vsTorchBfloat16),
        number(figures.tokensPerSecond, 0),
        number(figures.cpuSeconds),
        figures.peakBytes === null ? '-' : megabytes(figures.peakBytes),
        figures.otherThanProducts === null
          ? '-'
          : `${number(100 * figures.otherThanProducts, 1)} %`,
        figures.longestOperation === null ? '-' : `${number(1e3 * figures.longestOperation, 0)} ms`,
      ])
    }),
  ]
}

function memoryTable(memory: Figures['memory']): string[] {
  return [
    ...head(['int16Wide job, 4 sequences of 256, r = 8: planned', 'process', 'CPU time']),
    ...memory.map(({ plannedBytes, peakBytes, slowdown }) =>
      row([
        megabytes(plannedBytes),
        peakBytes === null ? '-' : megabytes(peakBytes),
        number(slowdown),
      ]),
    ),
  ]
}

function rateTable(products: readonly ProductRow[]): string[] {
  const names = [...VARIANT_NAMES, 'int8', 'int8Wide', ...Object.values(OTHERS)]
  return [
    ...head(['GF/s of M,N,K', ...names]),
    ...products.map(({ form, M, N, K, rates }) =>
      row([
        `${form === 'nt' ? 'x·Wᵀ' : 'g·W'} ${M},${N},${K}`,
        ...names.map((name) => number(rates[name] ?? null, 0)),
      ]),
    ),
  ]
}

function scalingTable(scaling: NonNullable<Figures['scaling']>): string[] {
  return [
    ...head(['int16Wide step', 'layers', 'tokens', 'context', 'CPU ms']),
    ...Object.entries(scaling).flatMap(([what, rows]) =>
      rows.map(({ layers, tokens, context, ms }) =>
        row([`by ${what}`, `${layers}`, `${tokens}`, `${context}`, number(ms, 0)]),
      ),
    ),
  ]
}

function head(cells: readonly string[]): string[] {
  return [row(cells), row(cells.map(() => '---'))]
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}

function number(value: number | null, digits = 2): string {
  return value === null ? '-' : value.toFixed(digits)
}

/** A median between the quartiles. */
function spread(median: number | null, quartiles: readonly [number, number] | null): string {
  if (quartiles === null) return '-'
  return `${number(median)} (${quartiles.map((value) => number(value)).join(' to ')})`
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`
}
