/** `barnraise data preview run.yaml`: what training would see of the data. */

import { counted } from '../../protocol/index.ts'
import { byteSize } from '../history/figures.ts'
import type { AnswerMark, PreviewedExample, PreviewedSource } from '../setup/data-figures.ts'
import { locateRun } from '../setup/locate-run.ts'
import { type DataPreview, previewData } from '../setup/preview-data.ts'
import { readRunYaml } from '../setup/run-yaml.ts'
import { hubOf } from './hub.ts'
import { longerWords, quantileWords } from './length-words.ts'
import { printJson, printLine, printTable } from './output.ts'
import { createScreen, paint, visible } from './terminal.ts'

const BAR_LENGTH = 40
/** Letters of an example that are shown; a book has more. */
const SHOWN_LENGTH_MAX = 2_000

export async function preview(
  file: string,
  options: { rows: number; json?: boolean },
): Promise<void> {
  const hub = await hubOf(createScreen(process.stderr))
  const data = await previewData(await locateRun(await readRunYaml(file), hub), options.rows)
  if (options.json) return printJson(figuresOf(data))
  for (const source of data.sources) printSource(source)
  printLine()
  printTable(summaryOf(data))
  printLine('\nexamples by tokens')
  printTable(barsOf(data))
  printLine(quantileWords(data))
  printLine(`longer than a sequence of ${longerWords(data)}`)
  for (const note of data.notes) printLine(paint('yellow', `\n${note}`, process.stdout))
}

function figuresOf({ dataset, ...rest }: DataPreview): object {
  const { blobs: _, ...figures } = dataset
  return { ...rest, ...figures }
}

function printSource(source: PreviewedSource): void {
  const { path, kind, isDetected, files, weight, count, tokens, learnedTokens, examples } = source
  // Where answers are rated, columns alone tell pairs and ratings apart.
  const overrides = kind === 'pair' || kind === 'rating' ? '' : "; 'type:' overrides"
  const how = isDetected ? `as its first row tells${overrides}` : 'as run.yaml says'
  printLine(paint('bold', path, process.stdout))
  printTable([
    ['type', `${kind}, ${how}`],
    ['files', `${files}`],
    ...(weight === undefined ? [] : [['weight', `${weight}, and a row's own times that`] as const]),
    ['examples', `${count}`],
    ['tokens', `${tokens}, of which ${shareOf(learnedTokens, tokens)} are learned`],
  ])
  for (const example of examples) printExample(example)
  printLine()
}

/**
 * What is learned in green between brackets, which are there without colour, too. Each answer that
 * is rated stands under what it is.
 */
function printExample(example: PreviewedExample): void {
  const { parts } = example
  printLine(paint('dim', `\n── ${headOf(example)}`, process.stdout))
  let room = SHOWN_LENGTH_MAX
  const shown: string[] = []
  let above: AnswerMark | undefined
  for (const { text, isLearned, answer } of parts) {
    if (room <= 0) break
    if (answer !== undefined && answer !== above) {
      const mark = paint('bold', MARK_WORDS[answer], process.stdout)
      shown.push(`${above === undefined ? '' : '\n'}${mark}\n`)
    }
    above = answer
    const start = visible(text.length > room ? `${text.slice(0, room)} …` : text)
    room -= text.length
    shown.push(paint(isLearned ? 'green' : 'dim', isLearned ? `⟦${start}⟧` : start, process.stdout))
  }
  printLine(shown.join(''))
}

function headOf({ name, tokens, learnedTokens, weight }: PreviewedExample): string {
  const often = weight === undefined ? '' : `, weight ${weight}`
  return `${visible(name)}: ${counted(tokens, 'token')}, ${learnedTokens} learned${often}`
}

const MARK_WORDS: Readonly<Record<AnswerMark, string>> = {
  chosen: 'chosen: what is in brackets becomes likelier',
  rejected: 'rejected: what is in brackets becomes less likely',
  'label true': 'label true: what is in brackets becomes likelier',
  'label false': 'label false: what is in brackets becomes less likely',
}

const shareOf = (part: number, whole: number): string =>
  `${part} (${whole === 0 ? 0 : ((100 * part) / whole).toFixed(1)} %)`

function summaryOf({ dataset }: DataPreview): (readonly [string, string])[] {
  const { config, documents, tokens, learnedTokens, dropped, blobs } = dataset
  const { empty, long, alike, bad, repeated, tailTokens } = dropped
  const leftOut = empty.count + long.count + alike.count + bad.count + repeated.count
  const bytes = [...blobs.values()].reduce((sum, { length }) => sum + length, 0)
  const room = (config.trainSequences + config.validationSequences) * config.sequenceLength
  return [
    ['examples', `${documents}, and ${leftOut} left out`],
    ['tokens', `${tokens}, of which ${shareOf(learnedTokens, tokens)} are learned`],
    ...(tailTokens > 0
      ? [['', `${tailTokens} after the last whole sequence left out`] as const]
      : []),
    ['to train on', `${counted(config.trainSequences, 'sequence')} of ${config.sequenceLength}`],
    ['held out', counted(config.validationSequences, 'sequence')],
    ['filled', `${((100 * Math.min(tokens, room)) / room).toFixed(1)} % of them`],
    ['shards', byteSize(bytes)],
  ]
}

function barsOf({ lengths }: DataPreview): [string, string][] {
  const most = Math.max(1, ...lengths.map(({ examples }) => examples))
  return lengths.map(({ tokensMax, examples }) => [
    `up to ${tokensMax}`,
    `${'█'.repeat(Math.ceil((BAR_LENGTH * examples) / most))} ${examples}`,
  ])
}
