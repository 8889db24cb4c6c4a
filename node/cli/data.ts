/** `barnraise data preview run.yaml`: what training would see of the data. */
import { dirname, resolve } from 'node:path'
import { locateRun } from '../run/locate-run.ts'
import { type DataPreview, type PreviewedExample, previewData } from '../run/preview-data.ts'
import { readRunYaml } from '../run/run-yaml.ts'
import { hubOf } from './hub.ts'
import { printJson, printLine, printTable } from './output.ts'
import { byteSize, createScreen, paint } from './terminal.ts'

const BAR_LENGTH = 40

export async function preview(
  file: string,
  options: { rows: number; json?: boolean },
): Promise<void> {
  const { yaml } = await readRunYaml(file)
  const hub = await hubOf(createScreen(process.stderr))
  const data = await previewData(await locateRun(yaml, dirname(resolve(file)), hub), options.rows)
  if (options.json) return printJson(figuresOf(data))
  for (const { path, kind, isDetected, files } of data.sources) {
    const how = isDetected ? `as its first row tells; 'type:' overrides` : 'as run.yaml says'
    printLine(`${path}: ${files} ${files === 1 ? 'file' : 'files'}, ${kind} (${how})`)
  }
  for (const example of data.examples) printExample(example)
  printLine()
  printTable(summaryOf(data))
  printLine('\nexamples by tokens')
  printTable(barsOf(data))
}

function figuresOf({ dataset, ...rest }: DataPreview): object {
  const { blobs: _, ...figures } = dataset
  return { ...rest, ...figures }
}

/** What is learned in green between brackets, which are there without colour, too. */
function printExample({ name, parts }: PreviewedExample): void {
  printLine(paint('dim', `\n── ${name}`, process.stdout))
  const text = parts.map((part) =>
    part.isLearned
      ? paint('green', `⟦${part.text}⟧`, process.stdout)
      : paint('dim', part.text, process.stdout),
  )
  printLine(text.join(''))
}

function summaryOf({ dataset }: DataPreview): [string, string][] {
  const { config, documents, tokens, learnedTokens, dropped, wholeConversations, blobs } = dataset
  const bytes = [...blobs.values()].reduce((sum, { length }) => sum + length, 0)
  const share = ((100 * learnedTokens) / tokens).toFixed(1)
  const room = (config.trainSequences + config.validationSequences) * config.sequenceLength
  return [
    ['examples', `${documents}`],
    ['tokens', `${tokens}, of which ${learnedTokens} are learned (${share} %)`],
    ['to train on', `${config.trainSequences} sequences of ${config.sequenceLength}`],
    ['held out', `${config.validationSequences} sequences`],
    ['filled', `${((100 * Math.min(tokens, room)) / room).toFixed(1)} % of them`],
    ['shards', byteSize(bytes)],
    ['left out', `${dropped.emptyDocuments} with nothing to learn`],
    [
      '',
      config.layout === 'documents'
        ? `${dropped.longDocuments} longer than ${config.sequenceLength} tokens`
        : `${dropped.tailTokens} tokens after the last whole sequence`,
    ],
    ['learned whole', `${wholeConversations} conversations whose template looks ahead`],
  ]
}

function barsOf({ lengths }: DataPreview): [string, string][] {
  const most = Math.max(1, ...lengths.map(({ examples }) => examples))
  return lengths.map(({ tokensMax, examples }) => [
    `up to ${tokensMax}`,
    `${'█'.repeat(Math.ceil((BAR_LENGTH * examples) / most))} ${examples}`,
  ])
}
